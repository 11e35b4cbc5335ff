"""Verifies one token a line with pyjwt, by the key set whose address is the argument. Reads and writes JSON; knows no journey."""

import json
import sys

import jwt

# A key that it does not know makes it read the key set again, without a pause.
keys = jwt.PyJWKClient(sys.argv[1], lifespan=300, cooldown_duration=0)

for line in sys.stdin:
    asked = json.loads(line)
    try:
        key = keys.get_signing_key_from_jwt(asked["token"])
        claims = jwt.decode(
            asked["token"],
            key,
            algorithms=asked["algorithms"],
            audience=asked["audience"],
            issuer=asked["issuer"],
            options={"require": asked["required"]},
        )
        answer = {"claims": claims}
    except jwt.PyJWTError as fault:
        answer = {"fault": f"{type(fault).__name__}: {fault}"}
    print(json.dumps(answer), flush=True)
