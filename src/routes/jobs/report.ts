import { html } from 'hono/html'
import type { Difference } from '../../jobs/verification/compare.ts'
import type { LeftOutReason } from '../../jobs/verification/kinds.ts'
import type { VerificationJson } from '../../jobs/verification/record.ts'

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
  th, td { text-align: start; padding: .3rem .6rem; border-bottom: 1px solid #8885; overflow-wrap: anywhere }
  td.n, th.n { text-align: end; font-variant-numeric: tabular-nums }
  .verdict { padding: 1rem; border-inline-start: .5rem solid; font-size: 1.2rem }
  .safe { border-color: #2a7d2a } .unsafe { border-color: #b3261e }`

const ROWS = [
  ['equal', 'on both sides, the same'],
  ['tombstoned', 'deleted in the primary: it stays deleted'],
  ['missing', 'in a fallback, not in the primary'],
  ['different', 'on both sides, not the same'],
  ['changed', 'replaced at the source since it was copied'],
  ['extra', 'in the primary only'],
] as const

const MEANINGS: Record<LeftOutReason, string> = {
  excluded: 'names that a fallback’s own include or exclude leaves out',
  not_accepted: 'names that the primary’s include, exclude or limits refuse',
  invalid_name: 'names that cannot be served by this API',
  too_large: 'objects that are larger than any writable backend takes',
  unlistable: 'fallbacks that cannot list: nothing is known of what they hold',
  failed: 'names that a backfill could not copy, or that could not be read on one side',
  prefix: 'all names outside the prefix',
}

/** A verification's result for people: what was compared, what differs, and whether the fallbacks can go. */
export function reportPage(job: VerificationJson, differences: readonly Difference[]) {
  const verdict = job.safe_to_detach ? 'Safe to detach' : 'Not safe to detach'
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${verdict}: verification ${job.id}</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <h1>Verification ${job.id}</h1>
        <p class="verdict ${job.safe_to_detach ? 'safe' : 'unsafe'}">
          <strong>${verdict}</strong>: ${job.fallbacks.join(', ')} behind ${job.primary}
        </p>
        ${reasonList(job)} ${acceptedList(job)} ${summary(job)} ${leftOutTable(job)} ${prefixTable(job)}
        ${differenceTable(job, differences)}
      </body>
    </html>`
}

function reasonList({ reasons, accepted }: VerificationJson) {
  if (reasons.length === 0) {
    const but = accepted.some(({ count }) => count > 0) ? ', but for what was accepted' : ''
    return html`<p>Everything that the fallbacks hold is in the primary${but}.</p>`
  }
  return html`<ul>
    ${reasons.map((reason) => html`<li>${reason}</li>`)}
  </ul>`
}

function acceptedList({ accepted }: VerificationJson) {
  if (accepted.length === 0) return ''
  return html`<p>Accepted by the operator, and so not in the way:</p>
    <ul>
      ${accepted.map(({ reason, count }) => html`<li>${reason}: ${count}</li>`)}
    </ul>`
}

function leftOutTable({ left_out: leftOut }: VerificationJson) {
  const rows = Object.entries(leftOut)
  if (rows.length === 0) return ''
  return html`<h2>Left out</h2>
    <table>
      <tr>
        <th>reason</th>
        <th class="n">count</th>
        <th>meaning</th>
      </tr>
      ${rows.map(
        ([reason, count]) =>
          html`<tr>
            <td>${reason}</td>
            <td class="n">${count}</td>
            <td>${MEANINGS[reason as LeftOutReason]}</td>
          </tr>`,
      )}
    </table>`
}

function summary(job: VerificationJson) {
  const how = job.deep ? 'Bytes were read and compared.' : 'Sizes and known digests were compared.'
  const scope = job.prefix === '' ? 'All names' : `Names that begin with “${job.prefix}”`
  return html`<p>
      ${scope}; ${how} Begun ${job.started}, ${job.finished === null ? job.state : `ended ${job.finished}`}.
      ${job.as_of === null ? '' : `It is true of what the fallbacks held at ${job.as_of}, when the last of ${job.passes} passes began.`}
      ${job.equal_by_size > 0 ? `Of ${job.equal_by_size} equal objects only the size could be compared.` : ''}
    </p>
    <table>
      <tr>
        <th>compared</th>
        <th class="n">${job.compared}</th>
        <th>coverage ${percent(job.coverage)}</th>
      </tr>
      ${ROWS.map(
        ([kind, meaning]) =>
          html`<tr>
            <td>${kind}</td>
            <td class="n">${job[kind]}</td>
            <td>${meaning}</td>
          </tr>`,
      )}
    </table>`
}

function prefixTable({ prefixes }: VerificationJson) {
  if (prefixes.length === 0) return ''
  return html`<h2>Coverage by prefix</h2>
    <table>
      <tr>
        <th>prefix</th>
        <th class="n">objects</th>
        <th class="n">covered</th>
        <th class="n">coverage</th>
      </tr>
      ${prefixes.map(
        ({ prefix, objects, covered, coverage }) =>
          html`<tr>
            <td>${prefix === '' ? '(no directory)' : prefix}</td>
            <td class="n">${objects}</td>
            <td class="n">${covered}</td>
            <td class="n">${percent(coverage)}</td>
          </tr>`,
      )}
    </table>`
}

function differenceTable(job: VerificationJson, differences: readonly Difference[]) {
  if (differences.length === 0) return ''
  return html`<h2>Differences</h2>
    <p>${differences.length} examples; the API lists more under verifications/${job.id}/differences.</p>
    <table>
      <tr>
        <th>kind</th>
        <th>name</th>
        <th>backend</th>
        <th>detail</th>
      </tr>
      ${differences.map(
        ({ kind, name, backend, detail }) =>
          html`<tr>
            <td>${kind}</td>
            <td>${name}</td>
            <td>${backend}</td>
            <td>${detail}</td>
          </tr>`,
      )}
    </table>`
}

/** Never rounded up to a whole that it is not. */
function percent(fraction: number): string {
  return `${Math.floor(fraction * 100_000) / 1000} %`
}
