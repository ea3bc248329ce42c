//! A door from the host into the lab: listens on the host's loopback and connects inside a network namespace.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};

use crate::args::ForwardArgs;

/// Forwards connections until it is ended.
///
/// A socket belongs to the network namespace its thread was in when it was made. So one thread makes the listening socket
/// on the host, enters the lab's namespace, and goes on to accept from the one and connect in the other.
pub(crate) fn forward(args: &ForwardArgs) -> Result<ExitCode> {
    if !args.listen.ip().is_loopback() {
        anyhow::bail!("--listen must be a loopback address, not {}", args.listen.ip());
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let listener =
            TcpListener::bind(args.listen).await.with_context(|| format!("listening on {}", args.listen))?;
        let namespace =
            std::fs::File::open(&args.netns).with_context(|| format!("opening {}", args.netns.display()))?;
        rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&namespace),
            Some(rustix::thread::LinkNameSpaceType::Network),
        )
        .with_context(|| format!("entering {}", args.netns.display()))?;
        loop {
            let (mut outside, _) = listener.accept().await.context("accepting a connection")?;
            let to = args.to;
            tokio::spawn(async move {
                // Either side may go away at any time; the other side learns it by the closed connection.
                if let Ok(mut inside) = TcpStream::connect(to).await {
                    let _ = (outside.set_nodelay(true), inside.set_nodelay(true));
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    })
}
