// What the server tells of jobs as it comes.

/**
 * Opens a connection, and calls `hear` with each thing that comes: `{ snapshot }` with the newest jobs, at first and
 * whenever the connection was away, `{ job }` for a change, `{ away }` when it is lost, and `{ refused }` when it is
 * over. Gives what ends it.
 */
export function feed(hear) {
  const source = new EventSource("/api/jobs/events");
  source.addEventListener("snapshot", (event) => hear({ snapshot: JSON.parse(event.data).jobs }));
  source.addEventListener("job", (event) => hear({ job: JSON.parse(event.data) }));
  // The browser connects again by itself, unless it was refused: logged out, or the server is busy or being restored.
  source.addEventListener("error", () => hear(source.readyState === EventSource.CLOSED ? { refused: true } : { away: true }));
  return () => source.close();
}
