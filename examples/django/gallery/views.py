from django.forms import modelform_factory
from django.shortcuts import redirect, render

from .models import Photo

PhotoForm = modelform_factory(Photo, fields=["file"])


def photos(request):
    form = PhotoForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        form.save()
        return redirect("photos")
    return render(request, "photos.html", {"form": form, "photos": Photo.objects.order_by("pk")})
