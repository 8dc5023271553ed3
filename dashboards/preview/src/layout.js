// Where panels stand: Grafana's grid of 24 columns, and its rows.

const CELL_HEIGHT = 30;
const GAP = 8;
const COLUMNS = 24;

const bottomOf = (panels) => Math.max(0, ...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
const movedDown = (panel, by) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + by } });

/** The panels in sight; a collapsed row's own panels are so only when *expanded*, and move what is below down. */
export function placed(panels, expanded) {
  let shift = 0;
  return panels.flatMap((panel) => {
    const here = movedDown(panel, shift);
    const inside = panel.type === 'row' && panel.collapsed ? panel.panels : [];
    if (!expanded || !inside.length) {
      return [here];
    }
    const moved = inside.map((child) => movedDown(child, shift));
    shift += bottomOf(inside) - (panel.gridPos.y + panel.gridPos.h);
    return [{ ...here, collapsed: false }, ...moved];
  });
}

/** A grid position in pixels, in a page of *width*. */
export function box({ x, y, w, h }, width) {
  const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
  return {
    left: x * (column + GAP),
    top: y * (CELL_HEIGHT + GAP),
    width: w * column + (w - 1) * GAP,
    height: h * CELL_HEIGHT + (h - 1) * GAP,
  };
}

export const heightOf = (panels) => bottomOf(panels) * (CELL_HEIGHT + GAP);
