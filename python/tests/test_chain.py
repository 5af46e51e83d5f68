"""What django-fallback-storage does, with a Worker in its place: `original` is configured to do the same, `moving` to move."""

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from fallback_storage_django import WorkerError

from .workers import WORKERS, WorkerTestCase


class ChainTestCase(WorkerTestCase):
    def setUp(self):
        super().setUp()
        # The second storage of both chains.
        self.legacy = self.storage("legacy")

    def save(self, storage, name, content):
        self.assertEqual(storage._save(name, ContentFile(content)), name)


class AsTheOriginal(ChainTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("original")

    def test_opens_a_file_from_the_first_storage_that_has_it(self):
        self.save(self.files, "first.txt", b"in the first")
        self.save(self.legacy, "second.txt", b"in the second")
        self.save(self.files, "both.txt", b"first")
        self.save(self.legacy, "both.txt", b"second")
        self.assertEqual(self.read(self.files, "first.txt"), b"in the first")
        self.assertEqual(self.read(self.files, "second.txt"), b"in the second")
        self.assertEqual(self.read(self.files, "both.txt"), b"first")

    def test_saves_in_the_first_storage_only(self):
        self.files.save("new.txt", ContentFile(b"new"))
        self.assertTrue(self.files.exists("new.txt"))
        self.assertFalse(self.legacy.exists("new.txt"))

    def test_exists_if_any_storage_has_it(self):
        self.save(self.files, "first.txt", b"1")
        self.save(self.legacy, "second.txt", b"2")
        self.assertTrue(self.files.exists("first.txt"))
        self.assertTrue(self.files.exists("second.txt"))
        self.assertFalse(self.files.exists("third.txt"))

    def test_deletes_in_the_first_storage_only(self):
        self.save(self.files, "both.txt", b"first")
        self.save(self.legacy, "both.txt", b"second")
        self.files.delete("both.txt")
        self.assertTrue(self.files.exists("both.txt"))
        self.assertEqual(self.read(self.files, "both.txt"), b"second")

    def test_lists_what_any_storage_has(self):
        self.save(self.files, "first.txt", b"1")
        self.save(self.files, "photos/1.jpg", b"1")
        self.save(self.legacy, "second.txt", b"2")
        self.save(self.legacy, "first.txt", b"2")
        self.save(self.legacy, "photos/2.jpg", b"2")
        self.save(self.legacy, "old/3.jpg", b"2")
        # The original lists what two storages have twice.
        self.assertEqual(self.files.listdir(""), (["old", "photos"], ["first.txt", "second.txt"]))
        self.assertEqual(self.files.listdir("photos"), ([], ["1.jpg", "2.jpg"]))

    def test_tells_the_size_and_times_of_the_first_that_has_it(self):
        self.save(self.files, "first.txt", b"1")
        self.save(self.legacy, "first.txt", b"22")
        self.save(self.legacy, "second.txt", b"333")
        self.assertEqual(self.files.size("first.txt"), 1)
        self.assertEqual(self.files.size("second.txt"), 3)
        self.assertEqual(self.files.get_modified_time("first.txt").date(), self.files.get_created_time("first.txt").date())
        second = self.files.get_modified_time("second.txt")
        self.assertLess(abs((second - self.legacy.get_modified_time("second.txt")).total_seconds()), 1)

    def test_passes_over_what_a_storage_cannot_tell(self):
        self.save(self.legacy, "second.txt", b"2")
        with self.assertRaises(NotImplementedError):
            self.files.get_accessed_time("second.txt")

    def test_gives_names_that_are_free_in_all_storages(self):
        self.assertEqual(self.files.get_valid_name("a b?.txt"), "a_b.txt")
        self.save(self.files, "first.txt", b"1")
        self.save(self.legacy, "second.txt", b"2")
        for taken in ("first.txt", "second.txt"):
            self.assertNotEqual(self.files.get_available_name(taken), taken)
        self.assertEqual(self.files.get_available_name("free.txt"), "free.txt")

    def test_does_not_hide_a_file_of_the_second_storage(self):
        self.save(self.legacy, "second.txt", b"2")
        self.assertRegex(self.files.save("second.txt", ContentFile(b"new")), r"^second_\w{7}\.txt$")
        self.assertEqual(self.read(self.files, "second.txt"), b"2")

    def test_makes_urls_of_the_storage_that_has_it(self):
        files = self.storage("original", urls_from_api=True)
        self.save(files, "first.txt", b"1")
        self.save(self.legacy, "second.txt", b"2")
        for name, content in (("first.txt", b"1"), ("second.txt", b"2")):
            self.assertEqual(self.fetch(files.url(name)).body, content)
            self.assertEqual(self.fetch(self.files.url(name)).body, content)
        first = WORKERS["original"]["base_url"]
        self.assertTrue(files.url("first.txt").startswith(first))
        # Presigned, at the second storage itself, also for what no storage has.
        for name in ("second.txt", "missing.txt"):
            self.assertFalse(files.url(name).startswith(first))
            self.assertIn("X-Amz-Signature", files.url(name))

    def test_reading_copies_nothing(self):
        self.save(self.legacy, "second.txt", b"2")
        self.read(self.files, "second.txt")
        self.legacy.delete("second.txt")
        self.assertFalse(self.files.exists("second.txt"))


class Moving(ChainTestCase):
    def setUp(self):
        super().setUp()
        self.files = self.storage("moving")

    def test_reading_copies_a_file_into_the_first_storage(self):
        self.save(self.legacy, "second.txt", b"2" * 1000)
        self.assertEqual(self.read(self.files, "second.txt"), b"2" * 1000)
        self.eventually(lambda: self.is_copied("second.txt"))
        self.legacy.delete("second.txt")
        self.assertEqual(self.read(self.files, "second.txt"), b"2" * 1000)

    def test_asking_copies_nothing(self):
        self.save(self.legacy, "second.txt", b"2")
        self.files.exists("second.txt"), self.files.size("second.txt"), self.files.url("second.txt")
        self.files.get_modified_time("second.txt"), self.files.listdir("")
        self.legacy.delete("second.txt")
        self.assertFalse(self.files.exists("second.txt"))

    def test_makes_urls_of_the_first_storage(self):
        self.save(self.legacy, "second.txt", b"2")
        files = self.storage("moving", urls_from_api=True)
        for name in ("second.txt", "missing.txt"):
            self.assertTrue(files.url(name).startswith(WORKERS["moving"]["base_url"]))

    def test_what_is_deleted_stays_deleted(self):
        self.save(self.legacy, "second.txt", b"2")
        self.files.delete("second.txt")
        self.assertFalse(self.files.exists("second.txt"))
        self.assertEqual(self.files.listdir(""), ([], []))
        with self.assertRaises(FileNotFoundError):
            self.files.open("second.txt")
        self.assertTrue(self.legacy.exists("second.txt"))
        self.assertEqual(self.files.save("second.txt", ContentFile(b"new")), "second.txt")

    def test_a_copy_keeps_the_time(self):
        self.save(self.legacy, "second.txt", b"2")
        before = self.files.get_modified_time("second.txt")
        self.read(self.files, "second.txt")
        self.eventually(lambda: self.is_copied("second.txt"))
        self.assertEqual(self.files.get_modified_time("second.txt"), before)

    def is_copied(self, name):
        """Whether the primary answers."""
        answer = self.fetch(self.files.url(name))
        return "hit" in answer.headers["Cache-Status"]


class Failing(WorkerTestCase):
    """A chain whose second storage is down."""

    def setUp(self):
        super().setUp()
        self.files = self.storage("failing")

    def test_serves_what_the_first_storage_has(self):
        name = self.files.save("a.txt", ContentFile(b"x"))
        # Whether the second has a.txt cannot be known.
        self.assertRegex(name, r"^a_\w{7}\.txt$")
        self.assertEqual(self.read(self.files, name), b"x")
        self.assertTrue(self.files.exists(name))
        self.assertEqual(self.files.size(name), 1)
        self.files.delete(name)

    def test_a_failure_is_no_missing_file(self):
        for call in (self.files.exists, self.files.open, self.files.size, self.files.get_modified_time):
            with self.subTest(call.__name__), self.assertRaisesMessage(WorkerError, "down: "):
                call("missing.txt")


class Access(WorkerTestCase):
    def test_a_wrong_token_is_refused(self):
        for token in ("wrong", None):
            files = self.storage("single", token=token)
            self.assertFalse(self.storage("single", token=None).exists("a.txt"))
            # The second is refused before all of it is sent.
            for content in (b"x", b"x" * 5_000_000):
                with self.assertRaises(PermissionError):
                    files._save("a.txt", ContentFile(content))
            with self.assertRaises(PermissionError):
                files.delete("a.txt")
            with self.assertRaises(PermissionError):
                files.listdir("")
        self.assertFalse(self.storage("single").exists("a.txt"))

    def test_a_reader_cannot_write(self):
        self.storage("private").save("a.txt", ContentFile(b"x"))
        files = self.storage("private", token="reader-of-the-media")
        self.assertEqual(self.read(files, "a.txt"), b"x")
        for call in (lambda: files.save("b.txt", ContentFile(b"x")), lambda: files.delete("a.txt")):
            with self.assertRaisesMessage(PermissionError, "scope"):
                call()

    def test_nobody_reads_private_files_without_a_token(self):
        for token in ("wrong", None):
            files = self.storage("private", token=token)
            for call in (files.exists, files.open, files.size, files.get_modified_time):
                with self.subTest(call.__name__), self.assertRaises(PermissionError):
                    call("a.txt")

    def test_a_location_cannot_be_left(self):
        self.storage("single", location="").save(f"{self.location}-beside.txt", ContentFile(b"x"))
        files = self.storage("single")
        self.assertEqual(files.listdir(""), ([], []))
        for name in (f"../{self.location}-beside.txt", f"/{self.location}-beside.txt"):
            with self.assertRaises(SuspiciousFileOperation):
                files.exists(name)
