"""Which page answers which path, and the forms that change something."""

from django.urls import path
from django.views.decorators.http import conditional_page
from django.views.i18n import JavaScriptCatalog

from pages.views import devices, keeping, recording, recording_sounds, recordings, rooms, surroundings
from recordings.exporting.downloads import export_file
from recordings.listening.playback import recording_wav

urlpatterns = [
    path("", surroundings.home, name="home"),
    path("connect", rooms.connect, name="connect"),
    path("connect/", rooms.connect),
    path("rooms/", rooms.rooms, name="rooms"),
    path("rooms/<uuid:pk>/", rooms.room, name="room"),
    path("rooms/<uuid:pk>/settings/", rooms.settings_of_room, name="room_settings"),
    path("rooms/<uuid:pk>/records/", rooms.choose_records, name="room_records"),
    path("rooms/<uuid:pk>/end/", rooms.end, name="room_end"),
    path("devices/", devices.devices, name="devices"),
    path("devices/<uuid:pk>/", devices.device, name="device"),
    path("devices/<uuid:pk>/capture/", devices.capture, name="device_capture"),
    path("devices/<uuid:pk>/configure/", devices.configure_as_it_looks, name="device_configure"),
    path("devices/<uuid:pk>/replace/", devices.replace, name="device_replace"),
    path("devices/<uuid:pk>/release/", devices.give_up, name="device_release"),
    path("recordings/", recordings.recordings, name="recordings"),
    path("recordings/news/", recordings.news, name="recordings_news"),
    path("recordings/sounds/", recording_sounds.sounds, name="recordings_sounds"),
    path("recordings/deleted/", recordings.deleted, name="recordings_deleted"),
    path("recordings/keeping/", keeping.keeping, name="keeping"),
    path("recordings/keeping/<uuid:pk>/follow/", keeping.follow, name="keeping_follow"),
    path("recordings/<uuid:pk>/", recording.recording, name="recording"),
    path("recordings/<uuid:pk>/now/", recording.now, name="recording_now"),
    path("recordings/<uuid:pk>/rename/", recording.rename, name="recording_rename"),
    path("recordings/<uuid:pk>/keep/", recording.keep, name="recording_keep"),
    path("recordings/<uuid:pk>/delete/", recording.delete, name="recording_delete"),
    path("recordings/<uuid:pk>/restore/", recordings.restore, name="recording_restore"),
    path("recordings/exports/<uuid:pk>/", export_file, name="export_file"),
    path("recordings/<uuid:recording_id>/audio.wav", recording_wav, name="recording_wav"),
    path("theme/", surroundings.set_theme, name="set_theme"),
    # conditional: a new version speaks at once, the same one is not sent twice
    path("jsi18n/", conditional_page(JavaScriptCatalog.as_view(packages=["pages"])), name="jsi18n"),
]
