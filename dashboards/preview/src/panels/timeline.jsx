// State timeline and status history. Grafana keeps their components in its server, so these are drawn here:
// the texts, colours and names are Grafana's own, by mappings and thresholds; the shapes are only like its.
import { dateTimeFormat, FieldColorModeId, FieldType, getFieldDisplayName } from '@grafana/data';
import { measureText, VizLegend } from '@grafana/ui';

const FONT = 12;
const AXIS_HEIGHT = 22;
const LEGEND_HEIGHT = 28;
const TICKS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** What each field shows: cells of { from, to, text, color }, times in milliseconds. */
function rowsOf(frames, range, merged) {
  return frames.flatMap((frame) => {
    const time = frame.fields.find(({ type }) => type === FieldType.time);
    if (!time) {
      throw new Error('a timeline needs a field of times');
    }
    const fields = frame.fields.filter(({ type }) => type !== FieldType.time);
    return fields.map((field) => ({
      name: getFieldDisplayName(field, frame, frames),
      fill: (field.config.custom?.fillOpacity ?? 70) / 100,
      line: field.config.custom?.lineWidth ?? 0,
      cells: cellsOf(field, time, range, merged),
    }));
  });
}

function cellsOf(field, time, range, merged) {
  const interval = time.config.interval ?? Infinity;
  const end = range.to * 1000;
  const cells = [];
  time.values.forEach((at, index) => {
    const value = field.values[index];
    if (value === null || value === undefined) {
      return;
    }
    const { text, prefix = '', suffix = '', color } = field.display(value);
    const next = time.values[index + 1] ?? end;
    const from = Math.max(at, range.from * 1000);
    const to = Math.min(next, at + interval, end);
    const cell = { from, to, text: `${prefix}${text}${suffix}`, color };
    const last = cells.at(-1);
    if (merged && last?.text === cell.text && last.color === color && last.to === from) {
      last.to = to;
    } else {
      cells.push(cell);
    }
  });
  return cells;
}

function ticksOf({ from, to }, width, timeZone) {
  const step = TICKS.find((seconds) => ((to - from) / seconds) * 80 < width) ?? TICKS.at(-1);
  const format = step < 60 ? 'HH:mm:ss' : step < 86_400 ? 'HH:mm' : 'MM/DD';
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => {
    const at = (first + index * step) * 1000;
    return { at, text: dateTimeFormat(at, { format, timeZone }) };
  });
}

/** By thresholds where nothing is mapped, else each state that is shown. */
function legendItems(frames, rows, theme) {
  const { color, mappings = [], thresholds } = frames[0].fields.at(-1).config;
  if (color?.mode === FieldColorModeId.Thresholds && !mappings.length) {
    const { display } = frames[0].fields.at(-1);
    return thresholds.steps.map((step) => {
      const { text, suffix = '' } = display(step.value);
      const label = step.value === -Infinity ? '< lowest' : `${text}${suffix}+`;
      return { label, color: theme.visualization.getColorByName(step.color) };
    });
  }
  const shown = new Map(rows.flatMap(({ cells }) => cells).map(({ text, color: shade }) => [text, shade]));
  return [...shown].map(([label, shade]) => ({ label, color: shade }));
}

function Row({ row, top, height, x, options, theme }) {
  const middle = top + height / 2;
  return (
    <g>
      {row.cells.map((cell) => {
        const left = x(cell.from);
        const width = Math.max(1, (x(cell.to) - left) * (options.colWidth ?? 1));
        const fits = measureText(cell.text, FONT).width + 6 < width && height >= FONT;
        const written = options.showValue === 'always' || (options.showValue !== 'never' && fits);
        return (
          <g key={cell.from}>
            <rect
              x={left}
              y={top}
              width={width}
              height={height}
              fill={cell.color}
              fillOpacity={row.fill}
              stroke={cell.color}
              strokeWidth={row.line}
            />
            {written && (
              <text x={left + 4} y={middle} fontSize={FONT} dominantBaseline="central" fill={theme.colors.text.primary}>
                {cell.text}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

function Timeline({ panel, frames, width, height, environment, merged, defaults }) {
  const { range, theme, timeZone } = environment;
  const options = { showValue: 'auto', rowHeight: 0.9, ...defaults, ...panel.options };
  const rows = rowsOf(frames, range, merged);
  const legend = options.legend?.showLegend ?? true;
  const bottom = height - AXIS_HEIGHT - (legend ? LEGEND_HEIGHT : 0);
  const labels = Math.min(width / 3, 12 + Math.max(...rows.map(({ name }) => measureText(name, FONT).width)));
  const x = (at) => labels + ((at / 1000 - range.from) / (range.to - range.from)) * (width - labels);
  const slot = bottom / rows.length;
  return (
    <div>
      <svg width={width} height={bottom + AXIS_HEIGHT} style={{ display: 'block', overflow: 'hidden' }}>
        {ticksOf(range, width - labels, timeZone)
          .filter(({ at }) => x(at) < width - FONT)
          .map(({ at, text }) => (
            <g key={at}>
              <line x1={x(at)} x2={x(at)} y1={0} y2={bottom} stroke={theme.colors.border.weak} />
              <text x={x(at)} y={bottom + 16} fontSize={FONT} textAnchor="middle" fill={theme.colors.text.primary}>
                {text}
              </text>
            </g>
          ))}
        <clipPath id={`plot-${panel.id}`}>
          <rect x={labels} y={0} width={width - labels} height={bottom} />
        </clipPath>
        {rows.map((row, index) => (
          <g key={index}>
            <text
              x={labels - 8}
              y={slot * (index + 0.5)}
              fontSize={FONT}
              textAnchor="end"
              dominantBaseline="central"
              fill={theme.colors.text.primary}
            >
              {row.name}
            </text>
            <g clipPath={`url(#plot-${panel.id})`}>
              <Row
                row={row}
                top={slot * (index + (1 - options.rowHeight) / 2)}
                height={slot * options.rowHeight}
                x={x}
                options={options}
                theme={theme}
              />
            </g>
          </g>
        ))}
      </svg>
      {legend && (
        <VizLegend
          displayMode="list"
          placement="bottom"
          items={legendItems(frames, rows, theme).map((item) => ({ ...item, yAxis: 1 }))}
        />
      )}
    </div>
  );
}

export const StateTimelinePanel = (props) => (
  <Timeline {...props} merged={props.panel.options?.mergeValues ?? true} defaults={{}} />
);
export const StatusHistoryPanel = (props) => <Timeline {...props} merged={false} defaults={{ colWidth: 0.9 }} />;
