import { TableNG } from '@grafana/ui/unstable';
import { fieldConfig } from '../fields.js';
import { grafanaRange } from '../queries.js';

export function TablePanel({ panel, frames, width, height, environment }) {
  const { cellHeight = 'sm', enablePagination, frameIndex = 0, showHeader = true, sortBy } = panel.options ?? {};
  return (
    <TableNG
      data={frames[frameIndex] ?? frames[0]}
      width={width}
      height={height}
      cellHeight={cellHeight}
      enablePagination={enablePagination}
      noHeader={!showHeader}
      sortBy={sortBy}
      noValue={panel.fieldConfig?.defaults?.noValue}
      fieldConfig={fieldConfig(panel)}
      timeRange={grafanaRange(environment.range)}
      structureRev={1}
      enableVirtualization={false}
    />
  );
}
