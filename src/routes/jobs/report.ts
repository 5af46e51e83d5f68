import { html, raw } from 'hono/html'
import type { Difference, Verification } from '../../schemas/job-answers.ts'
import { placesOf } from '../../schemas/compared-with.ts'
import { CONDITIONS, LEFT_OUT, type LeftOutReason } from '../../schemas/reasons.ts'

const ROWS = [
  ['equal', 'the same on both sides'],
  ['tombstoned', 'deleted: it stays deleted'],
  ['missing', 'in a fallback, not in the primary'],
  ['different', 'different on both sides'],
  ['changed', 'replaced at the source after it was copied'],
  ['damaged', 'stored with other bytes than were recorded'],
  ['repaired', 'damaged copies that were copied again'],
  ['extra', 'in no fallback'],
] as const

const ROLLBACK_ROWS = [
  ['equal', 'the same on both sides'],
  ['tombstoned', 'deleted in the primary, and kept by a mirror on purpose'],
  ['missing', 'not on a mirror'],
  ['different', 'different on both sides'],
  ['changed', 'replaced after it was mirrored'],
  ['not_deleted', 'deleted in the primary, but still on a mirror'],
  ['damaged', 'on a mirror with other bytes than were recorded'],
  ['extra', 'on a mirror only'],
] as const

/** A verification's result as a page: what was compared, what differs, and whether the fallbacks can be detached. */
export function reportPage(job: Verification, differences: readonly Difference[], style: string) {
  const isSafe = job.safe_to_roll_back ?? job.safe_to_detach
  const goal = isRollback(job) ? 'roll back' : 'detach'
  const result = isSafe ? `Safe to ${goal}` : `Not safe to ${goal}`
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${result}: verification ${job.id}</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <h1>Verification ${job.id}</h1>
        <p class="result ${isSafe ? 'safe' : 'unsafe'}">
          <strong>${result}</strong>: ${job.fallbacks.join(', ')} behind ${job.primary}
        </p>
        ${reasonList(job)} ${acceptedList(job)}
        <p>${scopeOf(job)}</p>
        <h2>Conditions</h2>
        ${conditions(job)}
        <h2>What was found</h2>
        ${table(
          ['compared', job.compared, `coverage ${percent(job.coverage)}`],
          (isRollback(job) ? ROLLBACK_ROWS : ROWS).map(([kind, meaning]) => [kind, job[kind] ?? 0, meaning]),
        )}
        ${section(
          'Left out',
          ['reason', 'count', 'meaning'],
          Object.entries(job.left_out).map(([reason, count]) => [
            reason,
            count,
            LEFT_OUT[reason as LeftOutReason],
          ]),
        )}
        ${section(
          'Coverage by prefix',
          ['prefix', 'objects', 'covered', 'coverage'],
          job.prefixes.map(({ prefix, objects, covered, coverage }) => [
            prefix === '' ? '(no directory)' : prefix,
            objects,
            covered,
            percent(coverage),
          ]),
        )}
        ${section(
          'Differences',
          ['kind', 'name', 'backend', 'detail'],
          differences.map(({ kind, name, backend, detail }) => [kind, name, backend, detail]),
          `${differences.length} examples; the API lists more under verifications/${job.id}/differences.`,
        )}
        ${signature(job)}
      </body>
    </html>`
}

function conditions({ conditions: all }: Verification) {
  return html`<table class="conditions">
    ${all.map(
      (condition) =>
        html`<tr>
          <td class="mark">${markOf(condition)}</td>
          <td>
            <p><strong>${CONDITIONS[condition.id]}</strong></p>
            <p class="seen">${condition.seen}</p>
            ${condition.next === null ? '' : html`<p>Next: ${condition.next}</p>`}
            ${condition.at === null ? '' : html`<p class="seen">Seen at ${condition.at}.</p>`}
          </td>
        </tr>`,
    )}
  </table>`
}

/** In words, with a sign: never by colour alone. */
function markOf({ met, decides }: Verification['conditions'][number]): string {
  if (met === null) return '? Not looked at'
  if (met) return '✓ Met'
  return decides ? '✗ Not met' : '! Wait'
}

/** What it is about, and how to see that it is genuine. */
function signature({ certificate }: Verification) {
  if (!certificate) return ''
  const { issued, deployment, configuration, current, algorithm, key_id: key, signature: mac } = certificate
  const chain = configuration.backends.map(
    ({ name, type, ...settings }) =>
      html`<dt>${name}</dt>
        <dd>${type} <code>${JSON.stringify(settings)}</code></dd>`,
  )
  return html`<h2>Signature</h2>
    <dl>
      <dt>issued</dt>
      <dd>${issued}</dd>
      <dt>deployment</dt>
      <dd>${deployment}${current ? '' : ', which has another configuration now'}</dd>
      <dt>signed with</dt>
      <dd>${key === null ? 'nothing: the deployment has no key' : `${String(algorithm)}, key ${key}`}</dd>
      ${
        mac === null
          ? ''
          : html`<dt>signature</dt>
              <dd><code>${mac}</code></dd>`
      }
    </dl>
    <p>
      The signature is that of the JSON of this verification: check it with
      <code>fallback-storage certificate check FILE</code>.
    </p>
    <h2>Configuration that was compared</h2>
    <dl>${chain}</dl>`
}

function isRollback({ direction }: Verification): boolean {
  return direction === 'rollback'
}

type Cell = string | number

/** Empty if there are no rows. */
function section(title: string, head: Cell[], rows: Cell[][], note = '') {
  return rows.length === 0
    ? ''
    : html`<h2>${title}</h2>
        <p>${note}</p>
        ${table(head, rows)}`
}

function table(head: Cell[], rows: Cell[][]) {
  return html`<table>
    <tr>
      ${head.map((cell) => html`<th>${cell}</th>`)}
    </tr>
    ${rows.map(
      (row) =>
        html`<tr>
          ${row.map((cell) => (typeof cell === 'number' ? html`<td class="n">${cell}</td>` : html`<td>${cell}</td>`))}
        </tr>`,
    )}
  </table>`
}

function list(items: readonly string[]) {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`
}

function reasonList(job: Verification) {
  const { reasons, accepted } = job
  if (reasons.length > 0) return list(reasons)
  const but = accepted.some(({ count }) => count > 0) ? ', except for what was accepted' : ''
  const places = placesOf(job)
  const all = isRollback(job)
    ? `Everything in ${places.join(' and ')} is on the mirrors, and what was deleted is not`
    : `Everything in the fallbacks is in ${places.join(' or ')}, or was deleted`
  return html`<p>${all}${but}.</p>`
}

function acceptedList({ accepted }: Verification) {
  if (accepted.length === 0) return ''
  return html`<p>Accepted by the operator:</p>
    ${list(accepted.map(({ reason, count }) => `${reason}: ${count}`))}`
}

function scopeOf(job: Verification): string {
  return [
    job.prefix === '' ? 'All names;' : `Names that begin with “${job.prefix}”;`,
    job.deep ? 'bytes were read and compared.' : 'sizes and known digests were compared.',
    `Started ${job.started}${job.started_by === null ? '' : ` by ${job.started_by}`}, ${job.finished === null ? job.state : `ended ${job.finished}`}.`,
    job.as_of !== null &&
      `The result describes ${isRollback(job) ? 'them' : 'the fallbacks'} at ${job.as_of}, when the last of ${job.passes} passes began.`,
    job.equal_by_size > 0 && `For ${job.equal_by_size} equal objects, only the size could be compared.`,
  ]
    .filter((sentence) => sentence !== false)
    .join(' ')
}

/** Rounded down, so that 100 % means all. */
function percent(fraction: number): string {
  return `${Math.floor(fraction * 100_000) / 1000} %`
}
