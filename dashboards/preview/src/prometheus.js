// Prometheus' HTTP API, as far as dashboards use it. Times are seconds.

export class Prometheus {
  constructor(address) {
    this.address = address;
  }

  async get(path, parameters) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined));
    const response = await fetch(`${this.address}/api/v1/${path}?${query}`);
    const answer = await response.json();
    if (answer.status !== 'success') {
      throw new Error(answer.error ?? `Prometheus answered ${response.status}`);
    }
    return answer.data;
  }

  /** The series at one time, as a list of { metric, values }. */
  async instant(query, time) {
    const { resultType, result } = await this.get('query', { query, time });
    if (resultType === 'scalar') {
      return [{ metric: {}, values: [result] }];
    }
    return result.map(({ metric, value, values }) => ({ metric, values: values ?? [value] }));
  }

  /** The series over a range, as a list of { metric, values }. */
  async range(query, { start, end, step }) {
    return (await this.get('query_range', { query, start, end, step })).result;
  }

  labelValues(label, match, { from, to }) {
    return this.get(`label/${label}/values`, { 'match[]': match, start: from, end: to });
  }

  async alerts() {
    return (await this.get('alerts', {})).alerts;
  }
}
