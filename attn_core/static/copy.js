// A button that copies the address of the page, which holds all that was chosen.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("[role=status]");
  button.title = data.help;
  button.onclick = async () => {
    const done = await copied(location.href);
    said.textContent = done ? data.done : "The browser blocked copying. Copy the address from the address bar.";
    clearTimeout(button.timer);
    button.timer = setTimeout(() => (said.textContent = ""), 6000);
  };
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text); // browsers have no clipboard for a page that came over plain HTTP
  }
}

function copiedByHand(text) {
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  return done;
}
