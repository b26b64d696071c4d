# The block for fish, in a file of its own in conf.d, which every fish reads. It
# starts no process and prints nothing. fish before 4 has no -ef. What stands
# below the empty line is written.

# Written by mosha: uses the forwarded SSH agent, and leaves a live agent of another kind alone.
begin
    set -l link "$HOME/.ssh/ssh_auth_sock"
    if not test -S "$SSH_AUTH_SOCK"
        if test -n "$TMUX$STY"
            set -gx SSH_AUTH_SOCK $link
        else if test -S $link; and test -O $link
            if test -n "$SSH_CONNECTION"; or status --is-interactive
                set -gx SSH_AUTH_SOCK $link
            end
        end
    else if status --is-interactive; and test -S $link; and test -O $link
        # At a prompt, for a shell that may outlive its connection. Elsewhere a live value stays: ~/.ssh/rc goes by it.
        set -l here (builtin realpath $SSH_AUTH_SOCK 2>/dev/null)
        set -l there (builtin realpath $link 2>/dev/null)
        if test "$here" = "$there"
            set -gx SSH_AUTH_SOCK $link
        end
    end
end
