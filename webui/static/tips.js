/** A sentence that appears beside something while it is pointed at or has the focus. It stands above the page, so that
 * no scrolling container cuts it off. */

import {html, useEffect, useRef, useState} from "./vendor/htm-preact.js";

const WIDTH = 280; // pixels, as in pages.css
const WAIT = 250; // milliseconds of pointing; at once with the keyboard

/**
 * Properties for the elements that have a tip, and the element that shows it, which belongs at the end of the page.
 * @returns {{tipped: (text: string) => object, tip: any}}
 */
export function useTips() {
  const [shown, setShown] = useState(null);
  const timer = useRef(0);
  const hide = () => {
    clearTimeout(timer.current);
    setShown(null);
  };
  useEffect(() => {
    if (!shown) return undefined;
    const pressed = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault(); // it closes the tip only, not the page
      hide();
    };
    document.addEventListener("keydown", pressed);
    document.addEventListener("scroll", hide, true);
    return () => {
      document.removeEventListener("keydown", pressed);
      document.removeEventListener("scroll", hide, true);
    };
  }, [shown]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const show = (text, element, wait) => {
    clearTimeout(timer.current);
    const place = () => {
      const box = element.getBoundingClientRect();
      const left = Math.max(8, Math.min(box.left, innerWidth - WIDTH - 8));
      setShown({text, left, top: box.bottom + 6});
    };
    if (wait) timer.current = setTimeout(place, WAIT);
    else place();
  };
  const tipped = (text) => ({
    onMouseEnter: (event) => show(text, event.currentTarget, true),
    onMouseLeave: hide,
    onFocus: (event) => event.currentTarget.matches(":focus-visible") && show(text, event.currentTarget, false),
    onBlur: hide,
  });
  const style = shown && {left: `${shown.left}px`, top: `${shown.top}px`};
  const tip = shown && html`<div class="tip" role="tooltip" style=${style} data-testid="tip">${shown.text}</div>`;
  return {tipped, tip};
}
