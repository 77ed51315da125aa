//! Users.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{Role, User, UserChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::check_no_token;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::password;
use crate::route::{About, Created, Done, InPath, Json, JsonBody, Route, change, read};

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/users",
            "The users, by name",
            Role::Administrator,
            list,
        ),
        change(
            (Method::POST, "user.add"),
            "/api/users",
            "Add a user; not with an API token",
            Role::Administrator,
            add,
        ),
        change(
            (Method::PATCH, "user.change"),
            "/api/users/{id}",
            "Change a user's role, lock a user out, or give a new password; not with an API token",
            Role::Administrator,
            edit,
        ),
        change(
            (Method::DELETE, "user.remove"),
            "/api/users/{id}",
            "Remove a user, with the user's sessions and tokens; not with an API token",
            Role::Administrator,
            remove,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize, ToSchema)]
struct NewUser {
    name: String,
    /// At least 10 characters.
    password: String,
    role: Role,
}

/// What is to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
struct ChangedUser {
    role: Option<Role>,
    /// Whether the user is kept out.
    disabled: Option<bool>,
    /// A new password, at least 10 characters.
    password: Option<String>,
}

async fn list(app: Arc<App>) -> Result<Json<Users>, ApiError> {
    let users = app.quick(|app| Ok(app.home.users()?)).await?;
    Ok(Json(Users { users }))
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    about: About,
    JsonBody(new): JsonBody<NewUser>,
) -> Result<Created<User>, ApiError> {
    about.say(format!("{} as {}", new.name, new.role));
    check_no_token(&caller, "users")?;
    let NewUser {
        name,
        password,
        role,
    } = new;
    let hash = app.passwords(move || password::hash(&password)).await?;
    let user = app
        .quick(move |app| Ok(app.home.add_user(&name, &hash, role)?))
        .await?;
    Ok(Created(user))
}

async fn edit(
    app: Arc<App>,
    caller: Caller,
    InPath(id): InPath<u64>,
    about: About,
    JsonBody(changed): JsonBody<ChangedUser>,
) -> Result<Json<User>, ApiError> {
    check_no_token(&caller, "users")?;
    let ChangedUser {
        role,
        disabled,
        password,
    } = changed;
    let new_password = password.is_some();
    let hash = match password {
        Some(password) => Some(app.passwords(move || password::hash(&password)).await?),
        None => None,
    };
    let change = UserChange {
        role,
        disabled,
        hash,
    };
    let user = app
        .quick(move |app| Ok(app.home.change_user(id, &change)?))
        .await?;
    let what = [
        role.map(|role| format!("role {role}")),
        disabled.map(|disabled| if disabled { "locked out" } else { "let in" }.to_owned()),
        new_password.then(|| "new password".to_owned()),
    ];
    let what: Vec<String> = what.into_iter().flatten().collect();
    about.say(format!("{}: {}", user.name, what.join(", ")));
    Ok(Json(user))
}

async fn remove(
    app: Arc<App>,
    caller: Caller,
    InPath(id): InPath<u64>,
    about: About,
) -> Result<Done, ApiError> {
    check_no_token(&caller, "users")?;
    let name = app
        .quick(move |app| {
            let users = app.home.users()?;
            app.home.remove_user(id)?;
            Ok(users
                .into_iter()
                .find(|user| user.id == id)
                .map(|user| user.name))
        })
        .await?;
    about.say(name.unwrap_or_else(|| format!("user {id}")));
    Ok(Done)
}
