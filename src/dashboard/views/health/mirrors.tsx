import { Badge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { client } from '../../session.ts'
import { stateOf } from '../rollback/mirrors.ts'

const EVERY_MS = 15_000

/** How far each mirror is behind; the way back has the rest. */
export function Mirrors() {
  const { data, error, reload } = usePoll('mirrors', client.mirrors, { every: EVERY_MS })
  if (data === undefined) return error === undefined ? null : <Problem error={error} retry={reload} />
  return (
    <section class="card" aria-label="Mirrors">
      <header class="card-header">
        <h2>Mirrors</h2>
        <a class="button" href="#/rollback">
          <Icon name="arrow-right" /> Way back
        </a>
      </header>
      <ul class="plain">
        {data.map((mirror) => {
          const { tone, icon, word } = stateOf(mirror)
          return (
            <li key={mirror.name}>
              <b>{mirror.name}</b>{' '}
              <Badge tone={tone} icon={icon}>
                {word}
              </Badge>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
