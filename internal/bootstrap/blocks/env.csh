# The block for csh and tcsh, which read ~/.cshrc or ~/.tcshrc always. csh knows
# no test for a socket, so what is there counts as live. It ends at a variable
# that is not set, and has no way to compare files but a process, which a prompt
# can wait for. What stands below the empty line is written.

# Written by mosha: uses the forwarded SSH agent, and leaves a live agent of another kind alone.
if ( $?HOME ) then
  set mosha_link = "${HOME}/.ssh/ssh_auth_sock"
  set mosha_agent = none
  if ( $?SSH_AUTH_SOCK ) then
    if ( -e "$SSH_AUTH_SOCK" ) set mosha_agent = live
  endif
  if ( $mosha_agent == none ) then
    if ( $?TMUX || $?STY ) then
      setenv SSH_AUTH_SOCK "$mosha_link"
    else if ( ( $?SSH_CONNECTION || $?prompt ) && -o "$mosha_link" ) then
      setenv SSH_AUTH_SOCK "$mosha_link"
    endif
  else if ( $?prompt && -o "$mosha_link" ) then
    # At a prompt, for a shell that may outlive its connection. Elsewhere a live value stays: ~/.ssh/rc goes by it.
    if ( { test "$SSH_AUTH_SOCK" -ef "$mosha_link" } ) setenv SSH_AUTH_SOCK "$mosha_link"
  endif
  unset mosha_link mosha_agent
endif
