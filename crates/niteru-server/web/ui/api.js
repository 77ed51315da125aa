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
    /** Seconds after which it is worth to ask again; `null` where the server did not say. */
    this.again = error.again ?? null;
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

/** Each takes, last, what bounds it: `signal` ends it, and after `patience` milliseconds it counts as unanswered. */
export const get = (path, bounds) => ask("GET", path, undefined, bounds);
export const post = (path, body = {}, bounds) => ask("POST", path, body, bounds);
export const patch = (path, body) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);

/** Sends files, and what is asked for beside them. */
export function upload(path, files, query, bounds) {
  const form = new FormData();
  if (query !== undefined) form.append("query", JSON.stringify(query));
  for (const file of files) form.append("file", file);
  return ask("POST", path, form, bounds);
}

async function ask(method, path, body, { signal, patience } = {}) {
  const headers = {};
  if (method !== "GET" && me?.csrf) headers["X-Niteru-CSRF"] = me.csrf;
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const end = new AbortController();
  const stop = () => end.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
  const timer = patience && setTimeout(stop, patience);
  let response;
  let answer = null;
  try {
    response = await fetch(path, { method, headers, body, signal: end.signal });
    if (response.status !== 204) answer = await response.json().catch(nothingTold);
  } catch {
    throw new ApiError(0, { code: signal?.aborted ? "stopped" : "offline", message: "", help: "" });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
  if (response.ok) return answer;
  const again = Number.parseInt(response.headers.get("Retry-After"), 10);
  const error = new ApiError(response.status, { ...answer?.error ?? { code: "unknown", message: response.statusText, help: "" },
    again: Number.isNaN(again) ? null : again });
  if (error.code === "login_needed" && me?.name) dispatchEvent(new Event("niteru-logged-out"));
  throw error;
}

/** An answer that is no JSON tells nothing; one that does not come to its end is none. */
function nothingTold(error) {
  if (error instanceof SyntaxError) return null;
  throw error;
}
