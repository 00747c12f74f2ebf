export TERM=xterm
tm() { tmux -f /dev/null -S ./tm.sock "$@"; }
shows() { for n in $(seq 600); do tm capture-pane -p -t "$1" | grep -q "$2" && return; sleep 0.05; done; echo "never: $2"; tm capture-pane -p -t "$1"; }
tm new-session -d -s one -x 80 -y 24 'PS1="\$ " bash --norc --noprofile'
shows one '^\$'; tm send-keys -t one 'echo $((6 * 7)); stty size; tput cols' Enter; shows one '^80'
tm capture-pane -p -t one | grep .
tm split-window -t one -h "PS1='> ' bash --norc --noprofile"; tm list-panes -t one -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_active}'
tm send-keys -t one.1 'stty size; trap "echo resized" WINCH; sleep 1000' Enter; shows one.1 '^24'; tm send-keys -t one.1 C-c; tm resize-pane -t one.1 -x 20; tm send-keys -t one.1 'echo a"b"c' Enter; shows one.1 '^abc'
tm capture-pane -p -t one.1 | grep -E '^(24|abc)'
tm new-window -t one 'echo ready; cat'; shows one:1 ready; tm send-keys -t one:1 'typed' Enter; shows one:1 typed; tm send-keys -t one:1 'more' C-u 'again' Enter; sleep 1; tm capture-pane -p -t one:1 | grep .; tm send-keys -t one:1 C-d
shows one:0.0 '^80'; tm set-buffer 'pasted text'; tm send-keys -t one:0.0 'cat > pasted' Enter; sleep 0.5; tm paste-buffer -t one:0.0; tm send-keys -t one:0.0 Enter C-d 'cat pasted' Enter; shows one:0.0 '^pasted'; cat pasted
tm list-sessions -F '#{session_name} #{session_windows}'; tm kill-server; echo killed $?
