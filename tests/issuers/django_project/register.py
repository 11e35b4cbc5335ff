"""Makes the tables, the test account and the clients that are given as JSON on standard input."""

import json
import sys

import django
from django.core.management import call_command

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402

asked = json.load(sys.stdin)
call_command("migrate", verbosity=0)
person = User.objects.create_user(asked["login"], "editor@sandbox.test", asked["password"])
# The admin's sign-in page lets staff in, and nobody else.
person.is_staff = True
person.save()
for client in asked["clients"]:
    Application.objects.create(
        name=client["id"],
        client_id=client["id"],
        client_secret=client["secret"],
        redirect_uris=client["redirectUri"],
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
    )
