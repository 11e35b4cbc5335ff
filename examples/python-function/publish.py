"""A function that works for people while they are away. For each connection it asks Attaché for an access token, and publishes
an entry at the third-party API with it. It keeps no token.

    pip install httpx
    ATTACHE_URL=https://attache.example.com ATTACHE_API_KEY=ak_… API_URL=https://api.example.com/entries python publish.py Et… Et…
"""

import os
import sys
import time

import httpx

TRIES = 4


class PersonNeeded(Exception):
    """Only the person can mend it, at the address that this holds."""


class Refused(Exception):
    """What went wrong, in a sentence."""


def send(client: httpx.Client, url: str, **more) -> httpx.Response:
    """Whoever names a time is asked again after it, and after twice as long when it refuses again."""
    for tried in range(TRIES):
        response = client.post(url, **more)
        wait = response.headers.get("Retry-After", "")
        if response.status_code not in (429, 503) or not wait.isdigit() or tried + 1 == TRIES:
            break
        time.sleep(int(wait) * 2**tried)
    return response


def access_token(attache: httpx.Client, connection: str) -> str:
    response = send(attache, f"/v1/connections/{connection}/token", json={"min_ttl": 300})
    answer = response.json()
    if response.is_success:
        return answer["access_token"]
    if answer["error"] == "reconnect_required":
        raise PersonNeeded(answer["connect_url"])
    raise Refused(f"{answer['error']}: {answer['message']}")


def publish(api: httpx.Client, token: str, title: str) -> str:
    response = send(api, os.environ["API_URL"], json={"title": title}, headers={"Authorization": f"Bearer {token}"})
    if not response.is_success:
        raise Refused(f"the API answered {response.status_code}")
    return response.json()["id"]


def main(connections: list[str]) -> int:
    key = {"Authorization": f"Bearer {os.environ['ATTACHE_API_KEY']}"}
    failed = 0
    with httpx.Client(base_url=os.environ["ATTACHE_URL"], headers=key, timeout=15) as attache, httpx.Client(timeout=15) as api:
        for connection in connections:
            try:
                print(f"{connection}: published {publish(api, access_token(attache, connection), 'From Python')}")
            except PersonNeeded as needed:
                # Here you would write to the person.
                print(f"{connection}: please connect the app again: {needed}", file=sys.stderr)
                failed += 1
            except (Refused, httpx.HTTPError) as problem:
                print(f"{connection}: {problem}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
