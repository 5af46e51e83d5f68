import re
from html import unescape
from urllib.request import urlopen

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase

from .models import Photo


class Photos(TestCase):
    fixtures = ["production"]

    def pictures(self):
        """What a browser gets for each picture of the page: its type and its bytes."""
        page = self.client.get("/").content.decode()
        for url in re.findall(r'<img src="([^"]+)"', page):
            with urlopen(unescape(url)) as response:
                yield response.headers.get_content_type(), response.read()

    def test_of_production_are_shown(self):
        self.assertEqual([kind for kind, _ in self.pictures()], ["image/jpeg", "image/jpeg", "image/webp"])

    def test_are_uploaded(self):
        upload = SimpleUploadedFile("a dot.gif", b"GIF89a", "image/gif")
        self.assertRedirects(self.client.post("/", {"file": upload}), "/")
        photo = Photo.objects.get(pk=4)
        self.addCleanup(photo.file.delete, save=False)
        self.assertRegex(photo.file.name, r"^photos/\d{4}/a_dot(_\w{7})?\.gif$")
        self.assertEqual(list(self.pictures())[3], ("image/gif", b"GIF89a"))
