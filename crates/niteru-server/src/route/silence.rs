//! Clients that begin a request and then fall silent: what they hold is let go.

use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt, stream};

/// Longest that nothing comes of a request that has begun.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Nothing came for so long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {} seconds", .0.as_secs())]
pub(super) struct Silent(pub(super) Duration);

/// The same body; it fails with [`Silent`] when nothing of it comes for so long. Only the time in which it is asked for
/// counts: what the server does between with what came is not the client's.
pub(super) fn broken_by_silence(body: Body, longest: Duration) -> Body {
    let chunks = body.into_data_stream();
    Body::from_stream(stream::try_unfold(chunks, move |mut chunks| async move {
        match tokio::time::timeout(longest, chunks.next()).await {
            Ok(Some(chunk)) => Ok(Some((chunk?, chunks))),
            Ok(None) => Ok(None),
            Err(_) => Err(axum::Error::new(Silent(longest))),
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use http_body_util::BodyExt;

    use super::*;

    const LONGEST: Duration = Duration::from_millis(200);

    /// Chunks, each after so many milliseconds.
    fn slow(after: &'static [u64]) -> Body {
        Body::from_stream(stream::iter(after).then(|&after| async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            Ok::<_, std::io::Error>("chunk")
        }))
    }

    #[tokio::test]
    async fn a_body_may_be_slow_and_not_silent() {
        let body = broken_by_silence(slow(&[0, 60, 60, 60, 60, 60]), LONGEST);
        let all = body.collect().await.unwrap().to_bytes();
        assert_eq!(all.len(), 6 * "chunk".len(), "longer than that in all");

        let body = broken_by_silence(slow(&[0, 60_000]), LONGEST);
        let error = body.collect().await.unwrap_err();
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(at) = cause.filter(|at| !at.is::<Silent>()) {
            cause = at.source();
        }
        assert!(cause.is_some(), "{error:?}");
    }
}
