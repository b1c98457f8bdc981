#!/usr/bin/env bash
# curl and a shell: the data is one line of JSON and every line has one meaning, so `read` is parser enough.
set -u
url=$1 last='' wait_ms=1000
while :; do
    name=message id='' data=''
    while IFS= read -r line; do
        case $line in
            'event: '*) name=${line#event: } ;;
            'id: '*) id=${line#id: } ;;
            'data: '*) data=${line#data: } ;;
            'retry: '*) wait_ms=${line#retry: } ;;
            '')
                [ -n "$id" ] && last=$id
                [ -n "$data" ] && printf '{"event":"%s","id":"%s","data":%s}\n' "$name" "$id" "$data"
                name=message id='' data=''
                ;;
        esac
    done < <(curl --silent --show-error --no-buffer --header 'Accept: text/event-stream' \
        ${last:+--header "Last-Event-ID: $last"} "$url")
    echo '{"ended":"curl is done"}'
    sleep "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
done
