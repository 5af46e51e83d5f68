import type { Verification } from '../../../client/client.ts'
import { CONDITIONS } from '../../../schemas/reasons.ts'
import { formatTime } from '../../format.ts'
import { Badge, type BadgeState } from '../../parts/badge.tsx'

type Condition = Verification['conditions'][number]

const MARKS = {
  met: { tone: 'good', icon: 'circle-check', word: 'Met' },
  unmet: { tone: 'bad', icon: 'circle-x', word: 'Not met' },
  advice: { tone: 'warn', icon: 'triangle-alert', word: 'Wait' },
  unknown: { tone: 'idle', icon: 'circle-dashed', word: 'Not looked at' },
} as const satisfies Record<string, BadgeState>

export function markOf({ met, decides }: Pick<Condition, 'met' | 'decides'>): keyof typeof MARKS {
  if (met === null) return 'unknown'
  if (met) return 'met'
  return decides ? 'unmet' : 'advice'
}

/** What was looked at for a certificate, what was seen, and what to do next. */
export function Conditions({ job: { conditions } }: { job: Verification }) {
  if (conditions.length === 0) return null
  return (
    <>
      <h2>Conditions</h2>
      <ConditionList conditions={conditions} />
      {conditions[0]?.at && <p class="muted small">Looked at {formatTime(conditions[0].at)}.</p>}
    </>
  )
}

/** The conditions that are not met, or in the result of an earlier version, the reasons. */
export function Unmet({ job: { conditions, reasons } }: { job: Verification }) {
  const unmet = conditions.filter(({ met }) => met === false)
  if (unmet.length > 0) return <ConditionList conditions={unmet} />
  return (
    <ul>
      {reasons.map((reason) => (
        <li key={reason}>{reason}</li>
      ))}
    </ul>
  )
}

function ConditionList({ conditions }: { conditions: readonly Condition[] }) {
  return (
    <ul class="conditions">
      {conditions.map((condition) => {
        const { tone, icon, word } = MARKS[markOf(condition)]
        return (
          <li key={condition.id}>
            <Badge tone={tone} icon={icon}>
              {word}
            </Badge>
            <div>
              <p>
                <strong>{CONDITIONS[condition.id]}</strong>
              </p>
              <p class="muted small">{condition.seen}</p>
              {condition.next !== null && <p class="small">Next: {condition.next}</p>}
            </div>
          </li>
        )
      })}
    </ul>
  )
}

/** What the certificate is about, and how to see that it is genuine. */
export function Signature({ job: { certificate } }: { job: Verification }) {
  if (!certificate) return null
  const { configuration, deployment, current, key_id: key, algorithm, signature } = certificate
  const facts = {
    Issued: formatTime(certificate.issued),
    Deployment: current ? deployment : `${deployment}, which has another configuration now`,
    Configuration: configuration.backends
      .map(({ name, type, mirror }) => `${String(name)} (${String(type)}${mirror ? ', mirror' : ''})`)
      .join(', '),
    'Signed with': key === null ? 'nothing: the deployment has no key' : `${algorithm ?? ''}, ${key}`,
  }
  return (
    <>
      <h2>Signature</h2>
      <dl class="facts">
        {Object.entries(facts).map(([term, fact]) => [
          <dt key={term}>{term}</dt>,
          <dd key={`${term} is`}>{fact}</dd>,
        ])}
        {signature !== null && [
          <dt key="signature">Signature</dt>,
          <dd key="mac">
            <code>{signature}</code>
          </dd>,
        ]}
      </dl>
    </>
  )
}
