// Panels of single values: stat and bar gauge, put together as their plugins do it.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BarGauge, BigValue, VizRepeater } from '@grafana/ui';
import { fieldConfig } from '../fields.js';
import { grafanaRange } from '../queries.js';

const REDUCE = { calcs: ['lastNotNull'], fields: '', values: false };

function displayValues({ panel, frames, environment }, sparkline) {
  const { theme, timeZone, variables } = environment;
  return getFieldDisplayValues({
    data: frames,
    fieldConfig: fieldConfig(panel),
    reduceOptions: { ...REDUCE, ...panel.options?.reduceOptions },
    replaceVariables: (text, scoped) => variables.inText(text, scoped),
    sparkline,
    theme,
    timeZone,
  });
}

/** A single series needs no name beside its value. */
const unnamed = (display, count, { displayName }) =>
  count === 1 && !displayName ? { ...display, title: undefined } : display;

function Repeated({ props, values, children, ...layout }) {
  return (
    <VizRepeater
      source={props.frames}
      getValues={() => values}
      renderCounter={1}
      width={props.width}
      height={props.height}
      renderValue={children}
      {...layout}
    />
  );
}

export function StatPanel(props) {
  const { environment, panel } = props;
  const { colorMode = 'value', graphMode = 'area', justifyMode = 'auto', textMode = 'auto' } = panel.options ?? {};
  const { orientation = VizOrientation.Auto, text, wideLayout = true } = panel.options ?? {};
  const range = grafanaRange(environment.range);
  const values = displayValues(props, graphMode !== 'none');
  return (
    <Repeated props={props} values={values} orientation={orientation} autoGrid itemSpacing={3}>
      {({ value, width, height, count }) => (
        <BigValue
          value={textMode === 'auto' ? unnamed(value.display, count, value.field) : value.display}
          count={count}
          sparkline={value.sparkline && { ...value.sparkline, timeRange: range }}
          colorMode={colorMode}
          graphMode={graphMode}
          justifyMode={justifyMode}
          textMode={textMode}
          text={text}
          wideLayout={wideLayout}
          width={width}
          height={height}
          theme={environment.theme}
        />
      )}
    </Repeated>
  );
}

export function BarGaugePanel(props) {
  const { environment, panel } = props;
  const { displayMode = 'gradient', orientation = VizOrientation.Auto, showUnfilled = true } = panel.options ?? {};
  const {
    maxVizHeight = 300,
    minVizHeight = 16,
    minVizWidth = 8,
    namePlacement,
    text,
    valueMode,
  } = panel.options ?? {};
  return (
    <Repeated
      props={props}
      values={displayValues(props, false)}
      orientation={orientation}
      itemSpacing={displayMode === 'lcd' ? 2 : 10}
      minVizHeight={minVizHeight}
      minVizWidth={minVizWidth}
      maxVizHeight={maxVizHeight}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
    >
      {({ value, width, height, count, orientation: turned, alignmentFactors }) => (
        <BarGauge
          value={unnamed(value.display, count, value.field)}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          alignmentFactors={count > 1 ? alignmentFactors : undefined}
          displayMode={displayMode}
          orientation={turned}
          showUnfilled={showUnfilled}
          valueDisplayMode={valueMode}
          namePlacement={namePlacement}
          text={text}
          itemSpacing={10}
          width={width}
          height={height}
          theme={environment.theme}
        />
      )}
    </Repeated>
  );
}
