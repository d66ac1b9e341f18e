// Lets a visitor play with what a generator drew when it ended; common/explorer.py says which tile is which.
"use strict";
const play = explorer => {
  const about = JSON.parse(explorer.dataset.about);
  const asked = explorer.querySelector(".asked");
  const faces = [...explorer.querySelectorAll(".faces .tile")];
  const show = (element, tile) => {
    element.dataset.tile = tile;
    element.style.setProperty("--x", tile % about.columns);
    element.style.setProperty("--y", Math.floor(tile / about.columns));
  };

  if (about.kind === "choices") {
    const sizes = about.choices.map(([, values]) => values.length);
    const radios = [...explorer.querySelectorAll("fieldset")].map(part => [...part.querySelectorAll("input")]);
    const slider = explorer.querySelector("input[type=range]"), way = explorer.querySelector(".morph .tile");
    const map = [...explorer.querySelectorAll(".map .tile")];
    const update = () => {
      const [column, row] = radios.map(group => group.findIndex(radio => radio.checked));
      const first = (column * sizes[1] + row) * (about.faces + about.between);
      asked.textContent = about.choices.map(([part, values], k) => `${values[[column, row][k]][0]} ${part}`).join(", ");
      faces.forEach((face, number) => {
        show(face, first + number);
        face.setAttribute("aria-label", `face ${number + 1}: ${asked.textContent}`);
      });
      if (slider) {
        const place = Number(slider.value);
        show(way, first + (place === 0 ? 0 : place > about.between ? 1 : about.faces + place - 1));
      }
      map.forEach((button, number) => {
        const chosen = number === row * sizes[0] + column;
        button.setAttribute("aria-pressed", chosen);
        button.tabIndex = chosen ? 0 : -1;
      });
    };
    const choose = (column, row) => {
      radios[0][column].checked = radios[1][row].checked = true;
      update();
    };
    map.forEach((button, number) => {
      const column = number % sizes[0], row = Math.floor(number / sizes[0]);
      button.addEventListener("click", () => choose(column, row));
      button.addEventListener("keydown", event => {
        const step = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
        if (!step) return;
        event.preventDefault();
        const to = [column + step[0], row + step[1]];
        if (to.some((place, k) => place < 0 || place >= sizes[k])) return;
        choose(...to);
        map[to[1] * sizes[0] + to[0]].focus();
      });
    });
    explorer.addEventListener("input", update);
    update();
  }

  if (about.kind === "sets") {
    const boxes = [...explorer.querySelectorAll("input")], first = new Map();
    let tile = 0;
    const combine = (chosen, left, scenes) => {  // in the order of itertools.combinations
      if (left === 0) {
        first.set(chosen.join(), tile);
        tile += scenes;
        return;
      }
      for (let next = chosen.length ? chosen[chosen.length - 1] + 1 : 0; next < boxes.length; next++) {
        combine([...chosen, next], left - 1, scenes);
      }
    };
    about.scenes.forEach((scenes, size) => combine([], size + 1, scenes));
    const update = event => {
      const most = about.scenes.length;
      if (most === 1 && event?.target.checked) boxes.forEach(box => { box.checked = box === event.target; });
      const chosen = boxes.flatMap((box, number) => box.checked ? [number] : []);
      const full = most > 1 && chosen.length >= most;
      boxes.forEach(box => { box.disabled = full && !box.checked; });
      const names = chosen.map(number => about.objects[number][0]).join(", ");
      asked.textContent = names ? names + (full ? " (untick one to choose another)" : "") : "Tick an object.";
      faces.forEach((face, number) => {
        face.hidden = !chosen.length || number >= about.scenes[chosen.length - 1];
        if (face.hidden) return;
        show(face, first.get(chosen.join()) + number);
        face.setAttribute("aria-label", `scene ${number + 1}: ${names}`);
      });
    };
    explorer.addEventListener("input", update);
    boxes.forEach((box, number) => { box.checked = number === 0; });  // a reloaded page would keep the old ones
    update();
  }

  if (about.kind === "pairs") {
    for (const button of faces) {
      const original = Number(button.dataset.tile);
      const hold = held => {
        show(button, original + held);
        button.setAttribute("aria-pressed", Boolean(held));
      };
      button.addEventListener("pointerdown", () => hold(1));
      for (const name of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) {
        button.addEventListener(name, () => hold(0));
      }
      let byKey = false;
      button.addEventListener("keydown", event => {
        byKey = event.key === " " || event.key === "Enter";
        if (byKey) hold(1);
      });
      button.addEventListener("click", event => {  // of a screen reader or a switch, which cannot hold
        if (event.detail === 0 && !byKey) hold(1 - (Number(button.dataset.tile) - original));
        byKey = false;
      });
      button.addEventListener("contextmenu", event => event.preventDefault());  // of a long touch
    }
  }
};
for (const explorer of document.querySelectorAll(".explorer")) {
  try {
    play(explorer);
  } catch (error) {  // the others still work
    console.error(error);
  }
}
