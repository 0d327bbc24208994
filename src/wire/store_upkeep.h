/* store_upkeep.h - Verify and Backup of factum.v1.Store. Layer: wire. Conventions:
 * store_shared.h. */
#ifndef FCT_WIRE_STORE_UPKEEP_H
#define FCT_WIRE_STORE_UPKEEP_H

#include "wire/store_shared.h"

FCT_MUST_USE factum_status fct_store_encode_verify(struct fct_buf *buf);
/* Checks only that the bytes are a message. */
FCT_MUST_USE factum_status fct_store_decode_verify(factum_slice message, factum_error *err);
FCT_MUST_USE factum_status fct_store_encode_backup(struct fct_buf *buf, factum_slice to);
FCT_MUST_USE factum_status fct_store_decode_backup(factum_slice message, factum_slice *to,
                                                   factum_error *err);

/* VerifyAnswer or BackupAnswer. */
struct fct_store_upkept {
    uint64_t done;
    uint64_t total;
    bool has_report; /* in the last message alone */
    factum_verify_report verify;
    factum_backup_report backup;
};

FCT_MUST_USE factum_status fct_store_encode_verified(struct fct_buf *buf,
                                                     const struct fct_store_upkept *upkept);
FCT_MUST_USE factum_status fct_store_decode_verified(factum_slice message,
                                                     struct fct_store_upkept *upkept,
                                                     factum_error *err);
FCT_MUST_USE factum_status fct_store_encode_backed_up(struct fct_buf *buf,
                                                      const struct fct_store_upkept *upkept);
FCT_MUST_USE factum_status fct_store_decode_backed_up(factum_slice message,
                                                      struct fct_store_upkept *upkept,
                                                      factum_error *err);

#endif
