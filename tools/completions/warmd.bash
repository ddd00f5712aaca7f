# bash completion of warmd
_warmd() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    case $before in
    --config | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    --allow-root) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    --allow-uid) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
    --allow-gid | --socket-group) mapfile -t COMPREPLY < <(compgen -g -- "$word") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W "debug info warning error" -- "$word") ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "--max-loaded-models --max-loaded-bytes --step-time --max-kv-bytes \
        --prefix-cache-bytes --answer-cache-bytes --idle-timeout --max-wait --min-residency --load-timeout \
        --close-timeout --max-frame-bytes --max-in-flight --max-connections --max-waiters \
        --max-in-flight-total --max-prompts --max-tokens --max-http-logprobs --max-reply-bytes --max-unread-bytes --idle-connection-timeout \
        --frame-timeout --allow-uid --allow-gid \
        --socket-mode --socket-group --http --http-token-file --http-allow-origin --allow-root --config --check-config --socket --workers --load-workers \
        --drain-seconds --log-level --log-format --core-dumps --enable-dummy --stdio --help --version" -- "$word") ;;
    esac
}
complete -o filenames -F _warmd warmd
