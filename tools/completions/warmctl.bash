# bash completion of warmctl
_warmctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= each
    local commands="health stats metrics ps top watch load unload reload tokenize next logprob perplexity generate kl call"
    local model="--model --adapter --dtype --kind --options --entry-point --keep-alive" own=
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case " $commands " in *" $each "*) command=$each && break ;; esac
    done
    case $before in
    -m | --model | -a | --adapter | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    --dtype) mapfile -t COMPREPLY < <(compgen -W "auto fp32 bf16 fp16" -- "$word") && return ;;
    --view | --from | --to) mapfile -t COMPREPLY < <(compgen -W "base ft scaled: null" -- "$word") && return ;;
    esac
    case $command in
    "") own="$commands --socket --json --timeout --repeat --version" ;;
    top) own="--interval --count" ;;
    watch) own="state evicted load_failed close_failed" ;;
    load) own="$model --pin" ;;
    unload) own="$model --key --all --no-wait" ;;
    tokenize) own="$model --no-special-tokens" ;;
    next) own="$model --view --top-k" ;;
    logprob | perplexity) own="$model --view --tokens" ;;
    generate) own="$model --view --max-new-tokens --temperature --top-p --top-k --seed --stop --stream" ;;
    kl) own="$model --js --kl --from --to --top-k" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$own --help" -- "$word")
}
complete -o filenames -F _warmctl warmctl
