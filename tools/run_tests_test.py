#!/usr/bin/env python3
"""Tests how run_tests.py counts: no failure may be counted as passed."""
import contextlib
import io
import unittest

import run_tests


def count(stdout, result="OK", returncode=0):
    cases, trouble = run_tests.count_test(
        {"stdout": stdout, "result": result, "returncode": returncode})
    return cases.passed, cases.failed, cases.skipped, bool(trouble)


class Counting(unittest.TestCase):
    def test_each_case_counts(self):
        self.assertEqual(count("1..2\nok 1 - a\nok 2 - b\n"), (2, 0, 0, False))

    def test_a_failure_counts_once(self):
        self.assertEqual(count("1..2\nok 1 - a\nnot ok 2 - b\n", "FAIL", 1), (1, 1, 0, False))

    def test_a_failure_has_what_it_said(self):
        cases, _ = run_tests.count_test(
            {"stdout": "1..2\nnot ok 1 - b\n# 3 != 4\n#  at b.c:7\nok 2 - a\n# took 1 s\n",
             "result": "FAIL", "returncode": 1})
        self.assertEqual(cases.failures, ["b | 3 != 4 | at b.c:7"])

    def test_skips_count_apart(self):
        self.assertEqual(count("1..2\nok 1 - a # SKIP no disk\nnot ok 2 # SKIP b\n"),
                         (0, 0, 2, False))

    def test_a_skip_has_its_case_and_its_reason(self):
        for stdout, skip in (("1..1\nok 1 - a # SKIP no disk\n", ("a", "no disk")),
                             ("1..0 # SKIP no server\n", ("all of it", "no server")),
                             ("1..1\nok 1 - a # skip\n", ("a", "no reason given"))):
            cases, _ = run_tests.count_test({"stdout": stdout, "result": "OK", "returncode": 0})
            self.assertEqual(cases.skips, [skip])

    def test_a_skip_that_meson_takes_for_a_failure_is_none(self):
        self.assertEqual(count("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "FAIL"), (1, 0, 1, False))
        self.assertEqual(count("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "FAIL", 1),
                         (1, 1, 1, True))

    def test_a_plan_at_the_end_is_a_plan(self):
        self.assertEqual(count("ok 1 - a\n1..1\n"), (1, 0, 0, False))

    def test_a_whole_file_may_be_skipped(self):
        self.assertEqual(count("1..0 # SKIP no server\n", "SKIP"), (0, 0, 1, False))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(count("1..3\nok 1 - a\n", "ERROR", -6), (1, 1, 0, True))
        self.assertEqual(count("1..1\nok 1 - a\n", "ERROR", -11), (1, 1, 0, True))

    def test_missing_cases_are_a_failure(self):
        self.assertEqual(count("1..3\nok 1 - a\n", "ERROR"), (1, 1, 0, True))
        self.assertEqual(count("ok 1 - a\n", "ERROR"), (1, 1, 0, True))

    def test_no_case_at_all_is_a_failure(self):
        self.assertEqual(count("1..5\n", "ERROR", 1), (0, 1, 0, True))

    def test_a_bad_exit_status_is_a_failure(self):
        self.assertEqual(count("1..1\nok 1 - a\n", "FAIL", 1), (1, 1, 0, True))

    def test_a_timeout_is_a_failure(self):
        self.assertEqual(count("1..1\nok 1 - a\n", "TIMEOUT", -15), (1, 1, 0, True))

    def test_without_tap_a_test_counts_as_one(self):
        self.assertEqual(count("hello\n"), (1, 0, 0, False))
        self.assertEqual(count("hello\n", "FAIL", 3), (0, 1, 0, True))
        self.assertEqual(count("", "SKIP", 77), (0, 0, 1, False))

    def test_comments_and_indented_lines_are_no_cases(self):
        self.assertEqual(count("1..1\n# not ok - a group\n    ok 1 - inner\nok 1 - a\n"),
                         (1, 0, 0, False))

    def test_the_output_of_a_command_is_kept_and_its_progress_shown(self):
        shown = io.StringIO()
        run_tests.PROGRESS_EVERY = 0
        with contextlib.redirect_stdout(shown):
            result = run_tests.follow(
                ["printf", r"[1/2] a\nnoise\n 2/2 factum:unit / b OK 0.1s\n"], "tests")
        self.assertEqual(result, (0, "[1/2] a\nnoise\n 2/2 factum:unit / b OK 0.1s\n"))
        self.assertEqual(shown.getvalue(), "tests: 1 of 2, 0:00\ntests: 2 of 2, 0:00\n")


if __name__ == "__main__":
    unittest.main()
