/* log_sink_test.c - messages reach the sink as one line of bounded length. Layer: core. */
#include "core/log_sink.h"

#include "support/test.h"

struct seen {
    int count;
    factum_log_level level;
    char id[64];
    char text[1024];
};

static void note(void *data, factum_log_level level, const char *id, const char *text)
{
    struct seen *seen = data;
    seen->count++;
    seen->level = level;
    (void)snprintf(seen->id, sizeof seen->id, "%s", id);
    (void)snprintf(seen->text, sizeof seen->text, "%s", text);
}

TEST(without_a_sink_nothing_happens)
{
    struct seen seen = {0};
    factum_log_sink silent = {.data = &seen};
    fct_log_message(NULL, FACTUM_LOG_ERROR, "a.b", "text");
    fct_log_message(&silent, FACTUM_LOG_ERROR, "a.b", "text");
    assert_int_equal(seen.count, 0);
}

TEST(a_message_arrives_formatted_with_its_level_and_id)
{
    struct seen seen = {0};
    factum_log_sink sink = {&seen, note};
    fct_log_message(&sink, FACTUM_LOG_WARN, "segment.rolled", "%s %d", "segment", 7);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.level, FACTUM_LOG_WARN);
    assert_string_equal(seen.id, "segment.rolled");
    assert_string_equal(seen.text, "segment 7");
}

TEST(a_message_is_cut_at_511_bytes)
{
    struct seen seen = {0};
    factum_log_sink sink = {&seen, note};
    for (int len = 510; len <= 513; len++) {
        fct_log_message(&sink, FACTUM_LOG_INFO, "a.b", "%*d", len, 1);
        assert_int_equal(strlen(seen.text), len < 511 ? len : 511);
    }
}

TEST(a_name_with_a_line_end_stays_in_one_line)
{
    struct seen seen = {0};
    factum_log_sink sink = {&seen, note};
    fct_log_message(&sink, FACTUM_LOG_INFO, "a.b", "open %s", "a\nfactum: all is well\x1b[2J\x7f");
    assert_string_equal(seen.text, "open a?factum: all is well?[2J?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_sink_nothing_happens),
        CASE(a_message_arrives_formatted_with_its_level_and_id),
        CASE(a_message_is_cut_at_511_bytes),
        CASE(a_name_with_a_line_end_stays_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
