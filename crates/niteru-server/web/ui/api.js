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

/** Whether the connection is what is wrong: there is none, or it broke while something was sent. */
export const isAway = (error) => error.code === "offline" || error.kind === "cut_off";

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

/** Milliseconds for the answer to who we are, where something else waits for it. */
const SHORTLY = 5000;

/** Whether the server may have begun anew since it was asked last. */
let unsure = false;

/** The question who we are that is on its way, whoever waits for it. */
let asking = null;

/**
 * Whether we have another proof now than in `sent`, the `me` of a request: a server that has begun anew wants another one
 * where nobody logs in.
 *
 * Throws where we are somebody else meanwhile, as after a login in another window: who pressed is not taken for that one,
 * and the page begins anew.
 */
export async function renewed(sent) {
  if (me === sent) {
    asking ??= ask("GET", "/api/me", undefined, { patience: SHORTLY }).finally(() => { asking = null; });
    try {
      me = await asking;
    } catch {
      return false;
    }
  }
  unsure = false;
  if (me.name !== sent.name || me.role !== sent.role) {
    dispatchEvent(new Event("niteru-logged-out"));
    throw new ApiError(401, { code: "login_needed", kind: "login_needed", message: "", help: "" });
  }
  return me.csrf !== sent.csrf;
}

/** Asks; with another proof once more, where the one that we have is out of date. */
async function ask(method, path, body, bounds) {
  if (method === "GET" || !me?.csrf) return once(method, path, body, bounds);
  // A server that refuses much that is sent may cut the connection, and then says nothing of the proof.
  if (unsure && body instanceof FormData && !bounds?.patience) await renewed(me);
  const sent = me;
  try {
    return await once(method, path, body, bounds);
  } catch (error) {
    if (error.kind !== "forged" || !(await renewed(sent))) throw error;
    return once(method, path, body, bounds);
  }
}

async function once(method, path, body, { signal, patience } = {}) {
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
    if (!signal?.aborted) unsure = true;
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
