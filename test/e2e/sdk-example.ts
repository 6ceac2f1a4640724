import { nodeClient } from 'tandem/client';
import { startDevnet } from 'tandem/devnet';

const devnet = await startDevnet();
try {
  const anna = devnet.user('anna');
  const deposit = { id: 'till-1', number: anna.number, asset: 'SEK', amount: '5000', reason: 'Counter' };
  const { balance } = await devnet.node(anna.operator).deposit(deposit);
  console.log('after the deposit', balance);

  await devnet.reset();
  const operator = devnet.file.operators.find(({ handle }) => handle === anna.operator);
  const node = nodeClient({ apiUrl: operator?.apiUrl ?? '', adminToken: operator?.adminToken ?? '' });
  const { accounts } = await node.accounts({ number: anna.number });
  console.log('after the reset', accounts.find(({ asset }) => asset === 'SEK')?.balance);
  node.close();
} finally {
  await devnet.stop();
}
