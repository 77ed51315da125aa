// Asking the server.

/** What the server answered instead of what was asked for. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.kind = error.kind;
    this.values = error.values;
    this.help = error.help;
  }
}

/** Who is asking; see `Me` in /api/docs. */
export let me = null;

/** Asks who we are: at the start, and after logging in and out. */
export async function refreshMe() {
  me = await ask("GET", "/api/me");
  return me;
}

/** Whether the caller has a role, or one above it. */
export function may(role) {
  const roles = ["viewer", "operator", "engineer", "administrator"];
  return me !== null && roles.indexOf(me.role) >= roles.indexOf(role);
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const patch = (path, body) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);

/** Sends files, and what is asked for beside them. */
export function upload(path, files, query) {
  const form = new FormData();
  if (query !== undefined) form.append("query", JSON.stringify(query));
  for (const file of files) form.append("file", file);
  return ask("POST", path, form);
}

async function ask(method, path, body) {
  const headers = {};
  if (method !== "GET" && me?.csrf) headers["X-Niteru-CSRF"] = me.csrf;
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, { method, headers, body });
  } catch {
    throw new ApiError(0, { code: "offline", message: "", help: "" });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const error = new ApiError(response.status, answer?.error ?? { code: "unknown", message: response.statusText, help: "" });
  if (error.code === "login_needed" && me?.name) dispatchEvent(new Event("niteru-logged-out"));
  throw error;
}
