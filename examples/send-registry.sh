#!/usr/bin/env bash
# Sends registry documents as a signed webhook and waits until the registries are as they say.
#
#   REGISTRY_WEBHOOK  address of the source, such as https://registries.example/api/webhooks/ci
#   REGISTRY_SECRET   its secret, whsec_…
#   REGISTRY_KEY      a key by which operations can be followed; not needed where the developer is let in
#   REGISTRY_WAIT     how many seconds each registry may take; 3600, after which an operation ends anyway
#   DELIVERY_ID       a name for this delivery; one that is sent again under its name has no second effect
#
#   examples/send-registry.sh registry.yml     # one document or several, with --- between them
set -euo pipefail

file=$1
delivery=${DELIVERY_ID:-msg_$(openssl rand -hex 16)}
timestamp=$(date +%s)

# HMAC-SHA256 (RFC 2104) of two digests: `openssl dgst` takes a key as an argument only, where other users of the machine
# would see it. `printf` is the shell's own, so what it prints is an argument of no process.
key=$(printf %s "${REGISTRY_SECRET#whsec_}" | openssl base64 -d -A | od -An -vtx1 | tr -d ' \n')
padded() { # the key, filled up to a block of 64 bytes, each changed by the number given
  local place
  for ((place = 0; place < 128; place += 2)); do
    printf "\\x$(printf %02x $((0x0${key:place:2} ^ $1)))"
  done
}
signature=$({ padded 0x5c; { padded 0x36; printf '%s.%s.' "$delivery" "$timestamp"; cat "$file"; } |
  openssl dgst -sha256 -binary; } | openssl dgst -sha256 -binary | openssl base64 -A)

# Where storage is away for a moment, the same delivery is sent again. A refused document ends the script here, and
# the answer says what is wrong, with line and column.
answer=$(curl --silent --show-error --fail-with-body --retry 5 --max-time 60 --noproxy "${NO_PROXY:-}" \
  --header 'Content-Type: application/yaml' \
  --header "webhook-id: $delivery" \
  --header "webhook-timestamp: $timestamp" \
  --header "webhook-signature: v1,$signature" \
  --data-binary "@$file" "$REGISTRY_WEBHOOK") || { printf '%s\n' "$answer"; exit 1; }
printf '%s\n' "$answer"

seconds=${REGISTRY_WAIT:-3600}
for operation in $(grep -o '"operation_location":"[^"]*"' <<<"$answer" | cut -d'"' -f4); do
  end=$((SECONDS + seconds))
  while :; do
    told=$(printf '%s' "${REGISTRY_KEY:+header = \"x-functions-key: $REGISTRY_KEY\"}" | curl --silent --show-error --fail-with-body --retry 5 --noproxy "${NO_PROXY:-}" \
      --max-time 60 --config - "$operation") || { printf '%s\n' "$told"; exit 1; }
    case $(grep -o '"status":"[A-Za-z]*"' <<<"$told" | head -n 1 | cut -d'"' -f4) in
      Succeeded) printf '%s\n' "$told"; break ;;
      Failed | Canceled) printf '%s\n' "$told"; exit 1 ;;
    esac
    if ((SECONDS >= end)); then
      printf 'After %s seconds this operation has not ended: %s\n' "$seconds" "$operation" >&2
      exit 1
    fi
    sleep 1
  done
done
