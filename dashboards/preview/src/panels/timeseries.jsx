import { applyNullInsertThreshold } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';
import { grafanaRange } from '../queries.js';

const LEGEND = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] };

/** Frames with a null where a series pauses, as the plugin prepares them: TimeSeries alone does so for the first only. */
function withGaps(frames, range) {
  const ends = { refFieldPseudoMin: range.from.valueOf(), refFieldPseudoMax: range.to.valueOf() };
  return frames.map((frame) => applyNullInsertThreshold({ frame, ...ends }));
}

export function TimeSeriesPanel({ panel, frames, width, height, environment }) {
  const range = grafanaRange(environment.range);
  return (
    <TimeSeries
      frames={withGaps(frames, range)}
      structureRev={1}
      timeRange={range}
      timeZone={environment.timeZone}
      width={width}
      height={height}
      legend={{ ...LEGEND, ...panel.options?.legend }}
      options={{}}
    />
  );
}
