//! Signals to processes that a test has started.

use std::process::Child;

pub(crate) fn send(child: &Child, signal: libc::c_int) {
    // SAFETY: kill has no preconditions; the process is a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(number(child), signal) }, 0);
}

/// Stops a process, as a computer that hangs does: when this returns none of its threads does anything until [`go_on`].
pub(crate) fn hang(child: &Child) {
    send(child, libc::SIGSTOP);
    let mut status = 0;
    // SAFETY: the status is ours to be written. A child that has only stopped can still be waited for afterwards.
    let stopped = unsafe { libc::waitpid(number(child), &raw mut status, libc::WUNTRACED) };
    assert!(
        stopped == number(child) && libc::WIFSTOPPED(status),
        "it has ended: {status}"
    );
}

pub(crate) fn go_on(child: &Child) {
    send(child, libc::SIGCONT);
}

fn number(child: &Child) -> libc::pid_t {
    libc::pid_t::try_from(child.id()).unwrap()
}
