//! A listening socket where the lab's API server can reach it.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Listens on the loopback of a network namespace, at a free port.
///
/// A socket stays in the namespace where it was made: a thread of its own enters the namespace, makes it and ends, so
/// that nothing else of this process is moved.
///
/// # Errors
/// When the namespace is not there or may not be entered.
pub(crate) fn listen_in(namespace: &Path) -> io::Result<TcpListener> {
    let namespace = File::open(namespace)?;
    let made = std::thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
    });
    let listener = made.join().map_err(|_| io::Error::other("the thread that listens has panicked"))??;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
