#!/usr/bin/env bash
# Sends registry documents as a signed webhook and waits until the registries are as they say.
#
#   REGISTRY_WEBHOOK  address of the source, such as https://registries.example/api/webhooks/ci
#   REGISTRY_SECRET   its secret, whsec_…
#   REGISTRY_KEY      a key by which operations can be followed; not needed where the developer is let in
#   DELIVERY_ID       a name for this delivery; one that is sent again under its name has no second effect
#
#   examples/send-registry.sh registry.yml     # one document or several, with --- between them
set -euo pipefail

file=$1
delivery=${DELIVERY_ID:-msg_$(openssl rand -hex 16)}
timestamp=$(date +%s)
key=$(printf %s "${REGISTRY_SECRET#whsec_}" | openssl base64 -d -A | od -An -vtx1 | tr -d ' \n')
signature=$({ printf '%s.%s.' "$delivery" "$timestamp"; cat "$file"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)

# Where storage is away for a moment, the same delivery is sent again. A refused document ends the script here, and
# the answer says what is wrong, with line and column.
answer=$(curl --silent --show-error --fail-with-body --retry 5 --noproxy "${NO_PROXY:-}" \
  --header 'Content-Type: application/yaml' \
  --header "webhook-id: $delivery" \
  --header "webhook-timestamp: $timestamp" \
  --header "webhook-signature: v1,$signature" \
  --data-binary "@$file" "$REGISTRY_WEBHOOK") || { printf '%s\n' "$answer"; exit 1; }
printf '%s\n' "$answer"

for operation in $(grep -o '"operation_location":"[^"]*"' <<<"$answer" | cut -d'"' -f4); do
  while :; do
    told=$(curl --silent --show-error --fail-with-body --retry 5 --noproxy "${NO_PROXY:-}" \
      ${REGISTRY_KEY:+--header "x-functions-key: $REGISTRY_KEY"} "$operation") || { printf '%s\n' "$told"; exit 1; }
    case $(grep -o '"status":"[A-Za-z]*"' <<<"$told" | head -n 1 | cut -d'"' -f4) in
      Succeeded) printf '%s\n' "$told"; break ;;
      Failed | Canceled) printf '%s\n' "$told"; exit 1 ;;
    esac
    sleep 1
  done
done
