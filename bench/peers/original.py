"""django-fallback-storage as a WSGI application: BENCH_FIRST has what was moved, BENCH_SECOND what was not."""

import os

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    FALLBACK_STORAGES=("original.First", "original.Second"),
    ROOT_URLCONF="original",
    SECRET_KEY="bench",
)

from django.core.files.storage import FileSystemStorage
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse
from django.urls import path
from fallback_storage.storage import FallbackStorage


class First(FileSystemStorage):
    def __init__(self):
        super().__init__(location=os.environ["BENCH_FIRST"])


class Second(FileSystemStorage):
    def __init__(self):
        super().__init__(location=os.environ["BENCH_SECOND"])


def media(request, name):
    return FileResponse(FallbackStorage().open(name))


urlpatterns = [path("<path:name>", media)]
application = get_wsgi_application()
