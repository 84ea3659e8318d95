/** The colours of the page and of its plot, by light and by dark: custom properties of CSS. */
const LIGHT =
  '--ground:#fff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--trouble:#f3ede2;--panel:#f6f8fa;' +
  '--committed:#0969da;--published:#8250df;--handled:#1a7f37;--backlog:#bc4c00;--fault:#cf222e;--good:#1a7f37;--bad:#cf222e'
const DARK =
  '--ground:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--trouble:#241f17;--panel:#151b23;' +
  '--committed:#58a6ff;--published:#bc8cff;--handled:#3fb950;--backlog:#f0883e;--fault:#ff7b72;--good:#3fb950;--bad:#f85149'

export function paletteFor(selector: string): string {
  return `${selector}{${LIGHT}}@media (prefers-color-scheme:dark){${selector}{${DARK}}}`
}
