//! Functions that answer requests: what they take and give says how they are described.

use axum::response::Response;

use super::answer::Answer;
use super::argument::{Argument, Incoming};
use super::describe::Described;
use crate::error::ApiError;

/// An asynchronous function of [`Argument`]s to an [`Answer`] or an error. Only the last argument may be a
/// request's body.
pub(crate) trait Endpoint<Arguments>: Clone + Send + Sync + 'static {
    /// Writes down what it takes and gives.
    fn describe(described: &mut Described);

    /// Answers a request.
    fn run(self, incoming: Incoming) -> impl Future<Output = Result<Response, ApiError>> + Send;
}

macro_rules! endpoint {
    ($($argument:ident),*) => {
        // The names of types are those of the values, too.
        #[expect(non_snake_case, reason = "one name stands for a type and its value")]
        impl<F, Fut, R, $($argument),*> Endpoint<($($argument,)*)> for F
        where
            F: FnOnce($($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<R, ApiError>> + Send,
            R: Answer,
            $($argument: Argument,)*
        {
            fn describe(described: &mut Described) {
                $($argument::describe(described);)*
                R::describe(described);
            }

            async fn run(self, mut incoming: Incoming) -> Result<Response, ApiError> {
                $(let $argument = $argument::take(&mut incoming).await?;)*
                Ok(self($($argument),*).await?.into_response())
            }
        }
    };
}

endpoint!(A);
endpoint!(A, B);
endpoint!(A, B, C);
endpoint!(A, B, C, D);
endpoint!(A, B, C, D, E);
