import type { Waiting } from '../../../client/client.ts'
import { Icon } from '../../parts/icon.tsx'
import { nextTry } from './jobs.ts'

/** Why a job makes no progress, and when it tries again. */
export function WaitingNotice({ waiting }: { waiting: Waiting }) {
  return (
    <p class="notice tone-warn">
      <Icon name="triangle-alert" />
      <span>
        <strong>
          Waiting for {waiting.backend} ({waiting.error})
        </strong>
        , {nextTry(waiting)}: {waiting.detail}
      </span>
    </p>
  )
}
