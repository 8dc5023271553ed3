// From queried frames to displayable ones: transformations, then field configuration, both by @grafana/data.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  displayNameOverrideProcessor,
  FieldColorModeId,
  FieldConfigOptionsRegistry,
  FieldType,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  thresholdsOverrideProcessor,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

// One transformer stands there twice, under an old name as well.
standardTransformersRegistry.setInit(() =>
  [...new Set(Object.values(standardTransformers))].map((transformer) => ({
    id: transformer.id,
    aliasIds: transformer.aliasIds,
    name: transformer.name,
    transformation: async () => transformer,
  })),
);

/** The standard properties: how each is read, and whether it is for numbers only. */
const STANDARD = {
  color: {},
  decimals: { process: numberOverrideProcessor, numbersOnly: true },
  description: {},
  displayName: { process: displayNameOverrideProcessor, settings: { expandTemplateVars: true } },
  filterable: {},
  links: {},
  mappings: {},
  max: { process: numberOverrideProcessor, numbersOnly: true },
  min: { process: numberOverrideProcessor, numbersOnly: true },
  noValue: {},
  thresholds: { process: thresholdsOverrideProcessor, numbersOnly: true },
  unit: {},
};

/** What Grafana's plugins assume where a dashboard says nothing. */
const DEFAULT_THRESHOLDS = {
  mode: 'absolute',
  steps: [
    { color: 'green', value: null },
    { color: 'red', value: 80 },
  ],
};
const DEFAULT_COLOR = {
  timeseries: FieldColorModeId.PaletteClassic,
  'state-timeline': FieldColorModeId.ContinuousGrYlRd,
};
const DEFAULT_CUSTOM = {
  timeseries: {
    axisBorderShow: false,
    axisCenteredZero: false,
    axisColorMode: 'text',
    axisPlacement: 'auto',
    drawStyle: 'line',
    fillOpacity: 0,
    gradientMode: 'none',
    hideFrom: { tooltip: false, viz: false, legend: false },
    lineInterpolation: 'linear',
    lineWidth: 1,
    pointSize: 5,
    scaleDistribution: { type: 'linear' },
    showPoints: 'auto',
    spanNulls: false,
    stacking: { mode: 'none', group: 'A' },
    thresholdsStyle: { mode: 'off' },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
  'state-timeline': { fillOpacity: 70, lineWidth: 0 },
  'status-history': { fillOpacity: 70, lineWidth: 1 },
};

/** JSON has no -Infinity: the lowest threshold is written as null. */
const withLowest = ({ mode, steps }) => ({
  mode,
  steps: steps.map((step, index) => (index === 0 || step.value === null ? { ...step, value: -Infinity } : step)),
});

/** The panel's field configuration with the defaults of its plugin. */
export function fieldConfig(panel) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const steps = defaults.thresholds?.steps?.length ? defaults.thresholds : DEFAULT_THRESHOLDS;
  return {
    defaults: {
      color: { mode: DEFAULT_COLOR[panel.type] ?? FieldColorModeId.Thresholds },
      ...defaults,
      thresholds: withLowest(steps),
      custom: { ...DEFAULT_CUSTOM[panel.type], ...defaults.custom },
    },
    overrides: overrides.map((override) => ({
      ...override,
      properties: override.properties.map(({ id, value }) => ({
        id,
        value: id === 'thresholds' ? withLowest(value) : value,
      })),
    })),
  };
}

/** The registry that Grafana builds per plugin: here, of the properties that this panel speaks of. */
function registry({ defaults, overrides }) {
  const written = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const custom = [
    ...Object.keys(defaults.custom).map((key) => `custom.${key}`),
    ...written.filter((id) => id.startsWith('custom.')),
  ];
  const standard = Object.entries(STANDARD).map(([id, { process, numbersOnly, settings }]) => ({
    id,
    path: id,
    name: id,
    settings,
    process: process ?? identityOverrideProcessor,
    shouldApply: ({ type }) => !numbersOnly || type === FieldType.number,
  }));
  const own = [...new Set(custom)].map((id) => ({
    id,
    path: id.slice('custom.'.length),
    name: id,
    isCustom: true,
    process: identityOverrideProcessor,
    shouldApply: () => true,
  }));
  return new FieldConfigOptionsRegistry(() => [...standard, ...own]);
}

export async function transformed(panel, frames, { variables }) {
  const steps = panel.transformations ?? [];
  const unknown = steps.find(({ id }) => !standardTransformersRegistry.getIfExists(id));
  if (unknown) {
    throw new Error(`the preview has no transformation ${unknown.id}: it is kept in Grafana's server`);
  }
  return lastValueFrom(transformDataFrame(steps, frames, { interpolate: (text) => variables.inText(text) }));
}

export function displayable(panel, frames, { theme, timeZone, variables }) {
  const config = fieldConfig(panel);
  const displayed = applyFieldOverrides({
    data: frames,
    fieldConfig: config,
    fieldConfigRegistry: registry(config),
    replaceVariables: (text, scoped) => variables.inText(text, scoped),
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(displayed);
  return displayed;
}

/** Whether nothing can be shown: no row, or nothing but nulls and times. */
export function isEmpty(frames) {
  const values = frames.flatMap(({ fields }) => fields.filter(({ type }) => type !== FieldType.time));
  return values.every((field) => field.values.every((value) => value === null || value === undefined));
}
