#!/usr/bin/env python3
"""Tests tidy.py: each rule catches its breach, and accepts correct text."""
import pathlib
import subprocess
import tempfile
import unittest

import tidy

HEAD = "/* a.c - an example. Layer: core. */\n"


def found(text, name="src/core/a.c"):
    return [line[1] for line in tidy.check_c(name, text)]


class Tidy(unittest.TestCase):
    def test_a_clean_file_passes(self):
        self.assertEqual(found(HEAD + "int one(void)\n{\n    return 1;\n}\n"), [])

    def test_a_line_of_100_columns_passes_and_of_101_fails(self):
        self.assertEqual(found(HEAD + "/*" + "x" * 96 + "*/\n"), [])
        self.assertEqual(found(HEAD + "/*" + "x" * 97 + "*/\n"), ["101 columns, at most 100"])

    def test_columns_are_characters(self):
        self.assertEqual(found(HEAD + "/*" + "\u00e9" * 96 + "*/\n"), [])

    def test_tabs_and_spaces_at_the_end_fail(self):
        self.assertEqual(len(found(HEAD + "int a;\t\nint b; \n")), 2)

    def test_a_function_of_70_lines_passes_and_of_71_fails(self):
        body = "    step();\n"
        self.assertEqual(found(HEAD + "\nvoid f(void)\n{\n" + body * 68 + "}\n"), [])
        self.assertEqual(found(HEAD + "\nvoid f(void)\n{\n" + body * 69 + "}\n"),
                         ["f: 71 lines, at most 70"])

    def test_a_signature_of_two_lines_counts(self):
        text = HEAD + "\nvoid f(int a,\n       int b)\n{\n" + "    step();\n" * 68 + "}\n"
        self.assertEqual(found(text), ["f: 71 lines, at most 70"])

    def test_initialisers_are_no_functions(self):
        text = HEAD + "static const int table[] = {\n" + "    1,\n" * 80 + "};\n"
        self.assertEqual(found(text), [])

    def test_file_limits(self):
        self.assertEqual(found(HEAD + "int a;\n" * 1000), ["1001 lines, at most 1000"])
        header = "/* a.h - an example. */\n" + "int a;\n" * 250
        self.assertEqual(found(header, "src/core/a.h"), ["251 lines, at most 250"])
        self.assertEqual(found(header, "include/factum/a.h"), [])

    def test_the_opening_comment_names_the_file(self):
        self.assertEqual(len(found("int a;\n")), 1)
        self.assertEqual(len(found("/* b.c - another. */\n")), 1)
        self.assertEqual(found("int a;\n", "tests/a.c"), [])
        self.assertEqual(len(found("int a;\n", "tests/support/a.c")), 1)

    def test_words_that_have_to_be_decoded_fail(self):
        def words(text, name="src/core/a.c"):
            return [line[1] for line in tidy.check_words(name, text)]
        self.assertEqual(words("/* It is made anew. */"), ['"anew": again, create again, rebuild'])
        self.assertEqual(words('fail("there is none");'), ['"is none": none exists, no X exists'])
        self.assertEqual(list(tidy.check_words("docs/a.md", "one\nof\nlate\n")), [(2, '"of late": recent')])
        self.assertEqual(list(tidy.check_words("src/a.c", "/* One.\n * All but\n * for it. */")),
                         [(2, '"but for": except')])
        self.assertEqual(words("if it is None:", "tools/a.py"), [])
        self.assertEqual(words("int anew;"), [])
        self.assertEqual(words("/* renewed, nonetheless */"), [])
        self.assertEqual(words("anew", "tests/golden/a.bin"), [])

    def test_banned_functions_fail(self):
        for call in ("strcpy(a, b)", "sprintf (a, b)", "atoi(a)", "rand()", "malloc(1)", "free(a)",
                     "strtok(a, b)", "alloca(9)"):
            with self.subTest(call):
                text = HEAD + "void f(void)\n{\n    " + call + ";\n}\n"
                self.assertEqual(len(found(text)), 1)

    def test_the_allocator_may_allocate(self):
        text = "/* mem.c - memory. */\nvoid f(void)\n{\n    free(malloc(1));\n}\n"
        self.assertEqual(found(text, "src/core/mem.c"), [])

    def test_banned_words_in_comments_literals_and_members_pass(self):
        text = HEAD + '/* strcpy(a) */\nvoid f(void)\n{\n    say("free(x)");\n    mem->free(a);\n}\n'
        self.assertEqual(found(text), [])
        self.assertEqual(found(HEAD + "struct m {\n    void (*free)(void *data);\n};\n"), [])

    def test_longer_names_pass(self):
        self.assertEqual(found(HEAD + "void f(void)\n{\n    fct_mem_free(snprintf(a));\n}\n"), [])

    def test_words_that_fail(self):
        for text in ("FIXME later", "TODO later", "TODO(me)", "cd /home/ann", 'open("/work/x")'):
            with self.subTest(text):
                self.assertEqual(len(list(tidy.check_text("src/core/a.c", text))), 1)

    def test_words_that_pass(self):
        for text in ("TODO(#12): later", "a/home/b", "https://example.org/work/x", "$HOME/root/x"):
            with self.subTest(text):
                self.assertEqual(list(tidy.check_text("src/core/a.c", text)), [])

    def test_temporary_paths_fail_outside_tests(self):
        text = HEAD + 'const char *path = "/tmp/x";\n'
        self.assertEqual(found(text), ["a path of this machine"])

    def test_a_file_that_no_build_names_is_dead(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "src" / "core").mkdir(parents=True)
            (root / "src" / "core" / "meson.build").write_text(
                "core_sources = files('a.c')\ncore_tests = ['a']\n")
            self.assertTrue(tidy.is_built(root, "src/core/a.c"))
            self.assertTrue(tidy.is_built(root, "src/core/a_test.c"))
            self.assertFalse(tidy.is_built(root, "src/core/b.c"))
            self.assertFalse(tidy.is_built(root, "src/core/b_test.c"))

    def test_a_file_that_git_does_not_track_is_not_looked_at(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "docs").mkdir()
            (root / "docs" / "a.md").write_text("FIXME\n")
            (root / "demo.log").write_text("/home/ann/clone/build\n")
            (root / "docs" / "notes.txt").write_text("TODO\n")
            subprocess.run(["git", "init", "-q", directory], check=True)
            subprocess.run(["git", "-C", directory, "add", "docs/a.md"], check=True)
            self.assertEqual([b[:2] for b in tidy.check_tree(root)], [("docs/a.md", 1)])

    def test_without_git_the_folders_of_the_project_are_looked_at(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "docs").mkdir()
            (root / "docs" / "a.md").write_text("FIXME\n")
            (root / "demo.log").write_text("/home/ann/clone/build\n")
            self.assertEqual([b[:2] for b in tidy.check_tree(root)], [("docs/a.md", 1)])


if __name__ == "__main__":
    unittest.main()
