// Windows above the page.

/** Opens a dialog element; it goes when it is closed, and with the screen that it belongs to. Gives it. */
export function modal(dialog) {
  const close = () => dialog.close();
  const events = ["hashchange", "niteru-logged-out"];
  for (const event of events) addEventListener(event, close);
  dialog.addEventListener("close", () => {
    for (const event of events) removeEventListener(event, close);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
