/** Buttons that choose between the attempts of an exchange. */

import {html} from "./vendor/htm-preact.js";

/**
 * Chooses between the attempts of an exchange.
 * @param {{attempts: object[], chosen: number, choose: (number: number) => void, repairs?: Map<number, object[]>}} props
 */
export function AttemptChoice({attempts, chosen, choose, repairs}) {
  return html`
    <div class="choice" role="group" aria-label="Attempt">
      ${attempts.map(({number, route, outcome}) => html`
        <button type="button" aria-pressed=${number === chosen ? "true" : "false"} onClick=${() => choose(number)}>
          Attempt ${number} <span class="muted">${route ?? ""}${outcome && outcome !== "complete" ? `, ${outcome}` : ""}</span>
          ${repairs?.get(number)?.length > 0 && html` <span class="badge" title="repairs">${repairs.get(number).length}</span>`}
        </button>`)}
    </div>
  `;
}
