import type { Estimate } from '../../../client/client.ts'
import { formatCount } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { costsOf, describeMonthly, describeSize } from './estimate.ts'

/** What a backfill would copy, and what that costs. */
export function EstimateFacts({ estimate }: { estimate: Estimate }) {
  const { total, services, unknown } = costsOf(estimate)
  return (
    <div class="estimate">
      <dl class="counters">
        <div>
          <dt>objects to copy</dt>
          <dd>{formatCount(estimate.objects)}</dd>
        </div>
        <div>
          <dt>size</dt>
          <dd>{describeSize(estimate)}</dd>
        </div>
        <div>
          <dt>cost of copying</dt>
          <dd>{total}</dd>
        </div>
        <div>
          <dt>storage, each month</dt>
          <dd>{describeMonthly(estimate)}</dd>
        </div>
      </dl>
      {unknown !== null && (
        <p class="notice tone-warn">
          <Icon name="triangle-alert" /> {unknown}
        </p>
      )}
      <details>
        <summary>Cost by service</summary>
        <dl class="facts">
          {services.map(({ label, amount }) => [
            <dt key={label}>{label}</dt>,
            <dd key={`${label} amount`}>{amount}</dd>,
          ])}
        </dl>
        <p class="muted small">
          At Cloudflare’s prices of {estimate.prices.date}, beyond what your plan includes.
        </p>
      </details>
    </div>
  )
}
