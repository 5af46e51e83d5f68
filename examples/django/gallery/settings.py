import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent

WORKER = {
    "base_url": os.environ.get("MEDIA_WORKER_URL", "http://127.0.0.1:8787/"),
    # Without a token, files can be read, but not uploaded or deleted.
    "token": os.environ.get("MEDIA_WORKER_TOKEN"),
}

if django.VERSION >= (4, 2):
    STORAGES = {
        "default": {"BACKEND": "fallback_storage_django.WorkerStorage", "OPTIONS": WORKER},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
else:
    DEFAULT_FILE_STORAGE = "fallback_storage_django.WorkerStorage"
    FALLBACK_STORAGE = WORKER

DEBUG = True
SECRET_KEY = "only for this example"
ROOT_URLCONF = "gallery.urls"
INSTALLED_APPS = ["gallery"]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
