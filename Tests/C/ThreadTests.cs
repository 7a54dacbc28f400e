using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>A second thread in a backend gets a code of its own, and texts belong to their threads.</summary>
[TestFixture]
internal sealed unsafe class ThreadTests : AbiFixture
{
    [Test]
    public void A_thread_that_is_refused_changes_nothing()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong plan = Plan(model, backend, 4, 2);
        ulong loss = Loss(plan);
        ulong sgd = Optimizer(plan, """{"type":"sgd","learning_rate":0.1}""");
        float[] x = Draw(1, 16);
        Forward(plan, x, 4, 2);
        ulong output = OutputTensor(plan);
        Backend inside = Handles.Get<HeldBackend>(backend, HandleKind.Backend).Backend;
        Layer owned = Handles.Get<HeldModel>(model, HandleKind.Model).Model;
        using (inside.Enter("sequor_plan_forward"))
        using (owned.Enter("sequor_model_save"))
        {
            Elsewhere(() =>
            {
                PlanOptionsStruct options = Options(4, 2);
                ulong made;
                float* values = stackalloc float[16];
                byte* name = stackalloc byte[] { (byte)'n', 0 };
                string both = "while another thread is in sequor_plan_forward";
                Refused(
                    Abi.sequor_plan_forward(plan, values, 16, 4, 2, null, 0),
                    Status.Thread,
                    "sequor_plan_forward was called",
                    both
                );
                Refused(
                    Abi.sequor_plan_set_input(plan, values, 16, 4, 2, null, 0),
                    Status.Thread,
                    both
                );
                Refused(Abi.sequor_plan_read_output(plan, values, 2), Status.Thread, both);
                Refused(Abi.sequor_loss_backward(loss, 0), Status.Thread, both);
                Refused(Abi.sequor_loss_value(loss, values), Status.Thread, both);
                Refused(Abi.sequor_optimizer_step(sgd, 0), Status.Thread, both);
                Refused(Abi.sequor_optimizer_set_learning_rate(sgd, 1), Status.Thread, both);
                Refused(Abi.sequor_tensor_read(output, values, 2), Status.Thread, both);
                Refused(Abi.sequor_backend_synchronize(backend), Status.Thread, both);
                Refused(
                    Abi.sequor_plan_create(model, backend, &options, &made),
                    Status.Thread,
                    "sequor_model_save"
                );
                Refused(
                    Abi.sequor_model_write(model, name, values, 2),
                    Status.Thread,
                    "sequor_model_save"
                );
                // What is not freed keeps its handle.
                Refused(Abi.sequor_plan_free(plan), Status.Thread, both);
                Refused(Abi.sequor_loss_free(loss), Status.Thread, both);
                Refused(Abi.sequor_optimizer_free(sgd), Status.Thread, both);
                Refused(Abi.sequor_tensor_free(output), Status.Thread, both);
                Refused(Abi.sequor_backend_free(backend), Status.Thread, both);
                Refused(Abi.sequor_model_free(model), Status.Thread, "sequor_model_save");
            });
        }
        // One after the other is right.
        Elsewhere(() => Forward(plan, x, 4, 2));
        Right(Abi.sequor_tensor_free(output));
        Right(Abi.sequor_optimizer_free(sgd));
        Right(Abi.sequor_loss_free(loss));
        Right(Abi.sequor_plan_free(plan));
        Right(Abi.sequor_model_free(model));
        Right(Abi.sequor_backend_free(backend));
    }

    [Test]
    public void A_text_stays_for_its_thread_until_its_next_call()
    {
        Refused(Abi.sequor_model_free(1), Status.Handle);
        byte* mine = Abi.sequor_last_error();
        string words = LastWords;
        Elsewhere(() =>
        {
            Assert.That(LastWords, Is.Empty);
            Refused(Abi.sequor_plan_free(2), Status.Handle, "a plan");
            GC.Collect();
        });
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.That((nint)Abi.sequor_last_error(), Is.EqualTo((nint)mine));
        Assert.That(LastWords, Is.EqualTo(words));
        Right(Abi.sequor_model_free(0));
        Assert.That(LastWords, Is.Empty);
    }

    [Test]
    public void Threads_make_and_free_handles_at_once()
    {
        const int Each = 300;
        var threads = new Thread[4];
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(() =>
            {
                try
                {
                    var held = new Queue<ulong>();
                    for (int n = 0; n < Each; n++)
                    {
                        held.Enqueue(Model(Small));
                        long count;
                        Right(Abi.sequor_model_parameter_count(held.Peek(), &count));
                        if (held.Count > n % 7)
                            Right(Abi.sequor_model_free(held.Dequeue()));
                    }
                    while (held.TryDequeue(out ulong last))
                    {
                        Right(Abi.sequor_model_free(last));
                        Refused(Abi.sequor_model_free(last), Status.Handle);
                    }
                }
                catch (Exception e)
                {
                    failures.Enqueue(e.Message);
                }
            });
            threads[i].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Assert.That(failures, Is.Empty);
    }

    private static void Elsewhere(Action act)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                act();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.That(failure?.Message, Is.Null);
    }
}
