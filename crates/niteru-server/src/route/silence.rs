//! What comes of a request, and when: clients that begin one and then fall silent let go what they hold.

use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt, stream};

/// Longest that nothing comes of a request that has begun.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Steps in which that time is counted. A time in which this computer itself stood still, as one does that was asleep or
/// is overburdened, ends a step and no more: what came meanwhile is looked at before that counts as silence.
const STEPS: u32 = 10;

/// Nothing came for so long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {} seconds", .0.as_secs())]
pub(super) struct Silent(pub(super) Duration);

/// The same body; it fails with [`Silent`] when nothing of it comes for so long. Only the time in which it is asked for
/// counts: what the server does between with what came is not the client's.
///
/// Its end is never told in one look together with what came last: the reader of forms, multer 3.1, takes a whole form
/// for one that was cut off whose beginning and end come between two of its looks (its pull request 70).
pub(super) fn broken_by_silence(body: Body, longest: Duration) -> Body {
    let chunks = body.into_data_stream();
    Body::from_stream(stream::try_unfold(chunks, move |mut chunks| async move {
        for _ in 0..STEPS {
            match tokio::time::timeout(longest / STEPS, chunks.next()).await {
                Ok(Some(chunk)) => return Ok(Some((chunk?, chunks))),
                Ok(None) => {
                    tokio::task::yield_now().await;
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        Err(axum::Error::new(Silent(longest)))
    }))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::task::Poll;

    use axum::extract::{FromRequest, Multipart, Request};
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

    #[tokio::test(start_paused = true)]
    async fn a_computer_that_stood_still_is_not_the_clients_silence() {
        let (send, receive) = tokio::sync::oneshot::channel();
        let body = Body::from_stream(stream::once(receive));
        let reading = tokio::spawn(broken_by_silence(body, LONGEST).collect());
        tokio::task::yield_now().await;
        tokio::time::advance(100 * LONGEST).await;
        send.send("chunk").unwrap();
        let all = reading.await.unwrap().unwrap().to_bytes();
        assert_eq!(all, "chunk");
    }

    /// A form that comes with its end just after it was looked for.
    fn form_at_once() -> Body {
        let form =
            "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nasked\r\n--x--\r\n";
        let mut looks = 0;
        Body::from_stream(stream::poll_fn(move |context| {
            looks += 1;
            match looks {
                1 => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                2 => Poll::Ready(Some(Ok::<_, std::io::Error>(form))),
                _ => Poll::Ready(None),
            }
        }))
    }

    #[tokio::test]
    async fn a_form_that_comes_at_once_is_whole() {
        let request = Request::builder().header("content-type", "multipart/form-data; boundary=x");
        let body = broken_by_silence(form_at_once(), LONGEST);
        let request = request.body(body).unwrap();
        let mut form = Multipart::from_request(request, &()).await.unwrap();
        let field = form.next_field().await.unwrap().unwrap();
        assert_eq!(field.text().await.unwrap(), "asked");
        assert!(form.next_field().await.unwrap().is_none());
    }
}
