/* config_fuzz.c - any bytes as a configuration file. An accepted file is safe, and reads back
 * the same after it is printed. */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/mem.h"
#include "core/slice.h"
#include "server/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct printed {
    char text[FCT_CONFIG_COUNT * FCT_CONFIG_LINE_SIZE];
    size_t len;
};

static void on_line(void *data, const char *text)
{
    struct printed *printed = data;
    size_t len = strlen(text);
    FCT_ASSERT(printed->len + len + 2 <= sizeof printed->text);
    memcpy(printed->text + printed->len, text, len);
    printed->len += len;
    printed->text[printed->len++] = '\n';
}

static void check_safe(const factum_server_options *options)
{
    bool is_any = strncmp(options->listen, "0.0.0.0:", 8) == 0;
    FCT_ASSERT(options->listen[0] != '\0' || options->unix_path != NULL);
    FCT_ASSERT((options->tls_cert_file == NULL) == (options->tls_key_file == NULL));
    FCT_ASSERT(options->insecure || !options->insecure_any_address);
    FCT_ASSERT(!is_any || options->insecure_any_address ||
               (!options->insecure && options->tls_cert_file != NULL));
}

static void check_same(const struct fct_config *a, const struct fct_config *b)
{
    for (size_t i = 0; i < FCT_CONFIG_COUNT; i++) {
        FCT_ASSERT(strcmp(a->values[i].text, b->values[i].text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct printed printed;
    struct fct_config_input input = {.file_name = "f", .file = {data, size}};
    struct fct_config config;
    struct fct_config again;
    factum_error err = {.status = FACTUM_OK};
    factum_status status = fct_config_read(fct_mem_heap(), &input, &config, &err);
    if (status != FACTUM_OK) {
        FCT_ASSERT(status == FACTUM_INVALID);
        FCT_ASSERT(err.status == status);
        return 0;
    }
    check_safe(&config.options);
    printed.len = 0;
    fct_config_print(&config, on_line, &printed);
    input.file = fct_slice(printed.text, printed.len);
    status = fct_config_read(fct_mem_heap(), &input, &again, &err);
    FCT_ASSERT(status == FACTUM_OK);
    check_same(&config, &again);
    fct_config_finish(&config);
    fct_config_finish(&again);
    return 0;
}
