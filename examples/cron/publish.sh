#!/bin/sh
# A job that runs by itself: it asks for an access token of a connected app each time, and keeps none.
#   ATTACHE_URL=https://attache.example.com ATTACHE_API_KEY=ak_… CONNECTION=Et… publish.sh
# Its answer is the app's own; here it is where the token leads.
set -eu

# The key stands on no command line, where others on this machine could read it.
answer=$(printf 'header = "Authorization: Bearer %s"\n' "$ATTACHE_API_KEY" |
  curl --silent --show-error --retry 3 --max-time 15 --config - \
    --header 'Content-Type: application/json' --data '{"min_ttl":300}' "$ATTACHE_URL/v1/connections/$CONNECTION/token")

token=$(printf '%s' "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
if [ -z "$token" ]; then
  printf 'no token: %s\n' "$answer" >&2
  exit 1
fi

printf 'header = "Authorization: Bearer %s"\n' "$token" | curl --silent --show-error --fail --max-time 15 --config - "${API_URL:?where the token is for}"
