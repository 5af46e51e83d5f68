from django.urls import path

from .views import photos

urlpatterns = [path("", photos, name="photos")]
