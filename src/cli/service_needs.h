/* service_needs.h - do sagas that have not ended need a service? Layer: cli. */
#ifndef FACTUM_CLI_SERVICE_NEEDS_H
#define FACTUM_CLI_SERVICE_NEEDS_H

#include "cli/sagas.h"

/* As factum_endpoint_guard's |may_remove|; |data| is a struct saga_lists. Errors: CONDITION_FAILED
 * (an open saga has a step, an undo or a final call that the service executes; the text names the
 * saga), and those of factum_sagas_list and factum_saga_deployments. */
factum_status service_may_be_removed(void *data, factum_slice service, factum_error *err);

#endif
