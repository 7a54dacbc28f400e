using Sequor.C;

namespace Sequor.Tests.C;

/// <summary>
/// The functions of sequor.h, called by their addresses as C calls them, through the runtime's own passage from native code.
/// </summary>
internal static unsafe class Abi
{
    public static int sequor_backend_cpu(CpuOptionsStruct* options, ulong* backend) =>
        ((delegate* unmanaged<CpuOptionsStruct*, ulong*, int>)&Exports.sequor_backend_cpu)(
            options,
            backend
        );

    public static int sequor_backend_cuda(int device, CudaOptionsStruct* options, ulong* backend) =>
        ((delegate* unmanaged<int, CudaOptionsStruct*, ulong*, int>)&Exports.sequor_backend_cuda)(
            device,
            options,
            backend
        );

    public static int sequor_backend_auto(
        CpuOptionsStruct* cpu,
        CudaOptionsStruct* cuda,
        ulong* backend
    ) =>
        (
            (delegate* unmanaged<CpuOptionsStruct*, CudaOptionsStruct*, ulong*, int>)
                &Exports.sequor_backend_auto
        )(cpu, cuda, backend);

    public static int sequor_backend_attach(
        void* context,
        void* stream,
        CudaOptionsStruct* options,
        ulong* backend
    ) =>
        (
            (delegate* unmanaged<void*, void*, CudaOptionsStruct*, ulong*, int>)
                &Exports.sequor_backend_attach
        )(context, stream, options, backend);

    public static int sequor_backend_info(
        ulong backend,
        byte* buffer,
        nuint capacity,
        nuint* size
    ) =>
        ((delegate* unmanaged<ulong, byte*, nuint, nuint*, int>)&Exports.sequor_backend_info)(
            backend,
            buffer,
            capacity,
            size
        );

    public static int sequor_backend_memory(ulong backend, long* current, long* peak) =>
        ((delegate* unmanaged<ulong, long*, long*, int>)&Exports.sequor_backend_memory)(
            backend,
            current,
            peak
        );

    public static int sequor_backend_synchronize(ulong backend) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_backend_synchronize)(backend);

    public static int sequor_backend_free(ulong backend) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_backend_free)(backend);

    public static int sequor_backend_dlpack_stream(ulong backend, int* device_type, long* stream) =>
        ((delegate* unmanaged<ulong, int*, long*, int>)&Exports.sequor_backend_dlpack_stream)(
            backend,
            device_type,
            stream
        );

    public static int sequor_tensor_device(ulong tensor, int* type, int* id) =>
        ((delegate* unmanaged<ulong, int*, int*, int>)&Exports.sequor_tensor_device)(
            tensor,
            type,
            id
        );

    public static int sequor_tensor_from_dlpack(
        ulong backend,
        void* managed,
        int versioned,
        int write,
        long* stream,
        ulong* tensor
    ) =>
        (
            (delegate* unmanaged<ulong, void*, int, int, long*, ulong*, int>)
                &Exports.sequor_tensor_from_dlpack
        )(backend, managed, versioned, write, stream, tensor);

    public static int sequor_tensor_to_dlpack(
        ulong tensor,
        int versioned,
        long* stream,
        void** managed
    ) =>
        ((delegate* unmanaged<ulong, int, long*, void**, int>)&Exports.sequor_tensor_to_dlpack)(
            tensor,
            versioned,
            stream,
            managed
        );

    public static int sequor_dlpack_delete(void* managed, int versioned) =>
        ((delegate* unmanaged<void*, int, int>)&Exports.sequor_dlpack_delete)(managed, versioned);

    public static int sequor_loss_create(ulong plan, byte* description, ulong* loss) =>
        ((delegate* unmanaged<ulong, byte*, ulong*, int>)&Exports.sequor_loss_create)(
            plan,
            description,
            loss
        );

    public static int sequor_loss_set_targets(
        ulong loss,
        float* targets,
        long count,
        float* weights,
        long weights_count
    ) =>
        (
            (delegate* unmanaged<ulong, float*, long, float*, long, int>)
                &Exports.sequor_loss_set_targets
        )(loss, targets, count, weights, weights_count);

    public static int sequor_loss_compute(ulong loss) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_loss_compute)(loss);

    public static int sequor_loss_backward(ulong loss, int accumulate) =>
        ((delegate* unmanaged<ulong, int, int>)&Exports.sequor_loss_backward)(loss, accumulate);

    public static int sequor_loss_value(ulong loss, float* value) =>
        ((delegate* unmanaged<ulong, float*, int>)&Exports.sequor_loss_value)(loss, value);

    public static int sequor_loss_gradient(ulong loss, ulong* tensor) =>
        ((delegate* unmanaged<ulong, ulong*, int>)&Exports.sequor_loss_gradient)(loss, tensor);

    public static int sequor_loss_free(ulong loss) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_loss_free)(loss);

    public static int sequor_model_create(byte* description, ulong* model) =>
        ((delegate* unmanaged<byte*, ulong*, int>)&Exports.sequor_model_create)(description, model);

    public static int sequor_model_channels(ulong model, int* input, int* output) =>
        ((delegate* unmanaged<ulong, int*, int*, int>)&Exports.sequor_model_channels)(
            model,
            input,
            output
        );

    public static int sequor_model_parameter_count(ulong model, long* count) =>
        ((delegate* unmanaged<ulong, long*, int>)&Exports.sequor_model_parameter_count)(
            model,
            count
        );

    public static int sequor_model_value_count(ulong model, int* count) =>
        ((delegate* unmanaged<ulong, int*, int>)&Exports.sequor_model_value_count)(model, count);

    public static int sequor_model_value(
        ulong model,
        int index,
        byte* buffer,
        nuint capacity,
        nuint* size,
        int* rank,
        int* sizes,
        int* trained
    ) =>
        (
            (delegate* unmanaged<ulong, int, byte*, nuint, nuint*, int*, int*, int*, int>)
                &Exports.sequor_model_value
        )(model, index, buffer, capacity, size, rank, sizes, trained);

    public static int sequor_model_initialize(ulong model, ulong backend, ulong seed) =>
        ((delegate* unmanaged<ulong, ulong, ulong, int>)&Exports.sequor_model_initialize)(
            model,
            backend,
            seed
        );

    public static int sequor_model_read(ulong model, byte* name, float* values, long count) =>
        ((delegate* unmanaged<ulong, byte*, float*, long, int>)&Exports.sequor_model_read)(
            model,
            name,
            values,
            count
        );

    public static int sequor_model_write(ulong model, byte* name, float* values, long count) =>
        ((delegate* unmanaged<ulong, byte*, float*, long, int>)&Exports.sequor_model_write)(
            model,
            name,
            values,
            count
        );

    public static int sequor_model_tensor(ulong model, byte* name, ulong* tensor) =>
        ((delegate* unmanaged<ulong, byte*, ulong*, int>)&Exports.sequor_model_tensor)(
            model,
            name,
            tensor
        );

    public static int sequor_model_save(ulong model, byte* path) =>
        ((delegate* unmanaged<ulong, byte*, int>)&Exports.sequor_model_save)(model, path);

    public static int sequor_model_load(ulong model, byte* path, ulong backend) =>
        ((delegate* unmanaged<ulong, byte*, ulong, int>)&Exports.sequor_model_load)(
            model,
            path,
            backend
        );

    public static int sequor_model_save_torch(ulong model, byte* path, byte* names) =>
        ((delegate* unmanaged<ulong, byte*, byte*, int>)&Exports.sequor_model_save_torch)(
            model,
            path,
            names
        );

    public static int sequor_model_load_torch(
        ulong model,
        byte* path,
        ulong backend,
        byte* names
    ) =>
        ((delegate* unmanaged<ulong, byte*, ulong, byte*, int>)&Exports.sequor_model_load_torch)(
            model,
            path,
            backend,
            names
        );

    public static int sequor_model_free(ulong model) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_model_free)(model);

    public static int sequor_optimizer_create(ulong plan, byte* description, ulong* optimizer) =>
        ((delegate* unmanaged<ulong, byte*, ulong*, int>)&Exports.sequor_optimizer_create)(
            plan,
            description,
            optimizer
        );

    public static int sequor_optimizer_step(ulong optimizer, float clip) =>
        ((delegate* unmanaged<ulong, float, int>)&Exports.sequor_optimizer_step)(optimizer, clip);

    public static int sequor_optimizer_learning_rate(ulong optimizer, float* rate) =>
        ((delegate* unmanaged<ulong, float*, int>)&Exports.sequor_optimizer_learning_rate)(
            optimizer,
            rate
        );

    public static int sequor_optimizer_set_learning_rate(ulong optimizer, float rate) =>
        ((delegate* unmanaged<ulong, float, int>)&Exports.sequor_optimizer_set_learning_rate)(
            optimizer,
            rate
        );

    public static int sequor_optimizer_step_count(ulong optimizer, long* count) =>
        ((delegate* unmanaged<ulong, long*, int>)&Exports.sequor_optimizer_step_count)(
            optimizer,
            count
        );

    public static int sequor_optimizer_skipped_steps(ulong optimizer, long* count) =>
        ((delegate* unmanaged<ulong, long*, int>)&Exports.sequor_optimizer_skipped_steps)(
            optimizer,
            count
        );

    public static int sequor_optimizer_gradient_norm(ulong optimizer, float* norm) =>
        ((delegate* unmanaged<ulong, float*, int>)&Exports.sequor_optimizer_gradient_norm)(
            optimizer,
            norm
        );

    public static int sequor_optimizer_free(ulong optimizer) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_optimizer_free)(optimizer);

    public static int sequor_plan_create(
        ulong model,
        ulong backend,
        PlanOptionsStruct* options,
        ulong* plan
    ) =>
        (
            (delegate* unmanaged<ulong, ulong, PlanOptionsStruct*, ulong*, int>)
                &Exports.sequor_plan_create
        )(model, backend, options, plan);

    public static int sequor_plan_set_input(
        ulong plan,
        float* x,
        long count,
        int length,
        int batch,
        int* lengths,
        long lengths_count
    ) =>
        (
            (delegate* unmanaged<ulong, float*, long, int, int, int*, long, int>)
                &Exports.sequor_plan_set_input
        )(plan, x, count, length, batch, lengths, lengths_count);

    public static int sequor_plan_input(ulong plan, int length, int batch, ulong* tensor) =>
        ((delegate* unmanaged<ulong, int, int, ulong*, int>)&Exports.sequor_plan_input)(
            plan,
            length,
            batch,
            tensor
        );

    public static int sequor_plan_forward(
        ulong plan,
        float* x,
        long count,
        int length,
        int batch,
        int* lengths,
        long lengths_count
    ) =>
        (
            (delegate* unmanaged<ulong, float*, long, int, int, int*, long, int>)
                &Exports.sequor_plan_forward
        )(plan, x, count, length, batch, lengths, lengths_count);

    public static int sequor_plan_forward_tensor(
        ulong plan,
        ulong x,
        int* lengths,
        long lengths_count
    ) =>
        ((delegate* unmanaged<ulong, ulong, int*, long, int>)&Exports.sequor_plan_forward_tensor)(
            plan,
            x,
            lengths,
            lengths_count
        );

    public static int sequor_plan_forward_packed(
        ulong plan,
        float* rows,
        long count,
        int* lengths,
        long lengths_count
    ) =>
        (
            (delegate* unmanaged<ulong, float*, long, int*, long, int>)
                &Exports.sequor_plan_forward_packed
        )(plan, rows, count, lengths, lengths_count);

    public static int sequor_plan_forward_packed_tensor(
        ulong plan,
        ulong rows,
        int* lengths,
        long lengths_count
    ) =>
        (
            (delegate* unmanaged<ulong, ulong, int*, long, int>)
                &Exports.sequor_plan_forward_packed_tensor
        )(plan, rows, lengths, lengths_count);

    public static int sequor_plan_output_shape(ulong plan, int* rank, int* sizes) =>
        ((delegate* unmanaged<ulong, int*, int*, int>)&Exports.sequor_plan_output_shape)(
            plan,
            rank,
            sizes
        );

    public static int sequor_plan_read_output(ulong plan, float* values, long count) =>
        ((delegate* unmanaged<ulong, float*, long, int>)&Exports.sequor_plan_read_output)(
            plan,
            values,
            count
        );

    public static int sequor_plan_output(ulong plan, ulong* tensor) =>
        ((delegate* unmanaged<ulong, ulong*, int>)&Exports.sequor_plan_output)(plan, tensor);

    public static int sequor_plan_backward(
        ulong plan,
        float* gradient,
        long count,
        int accumulate
    ) =>
        ((delegate* unmanaged<ulong, float*, long, int, int>)&Exports.sequor_plan_backward)(
            plan,
            gradient,
            count,
            accumulate
        );

    public static int sequor_plan_backward_tensor(ulong plan, ulong gradient, int accumulate) =>
        ((delegate* unmanaged<ulong, ulong, int, int>)&Exports.sequor_plan_backward_tensor)(
            plan,
            gradient,
            accumulate
        );

    public static int sequor_plan_input_gradient(ulong plan, ulong* tensor) =>
        ((delegate* unmanaged<ulong, ulong*, int>)&Exports.sequor_plan_input_gradient)(
            plan,
            tensor
        );

    public static int sequor_plan_gradient(ulong plan, byte* name, ulong* tensor) =>
        ((delegate* unmanaged<ulong, byte*, ulong*, int>)&Exports.sequor_plan_gradient)(
            plan,
            name,
            tensor
        );

    public static int sequor_plan_reset(ulong plan) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_plan_reset)(plan);

    public static int sequor_plan_state(
        ulong plan,
        byte* layer,
        int which,
        int batch,
        ulong* tensor
    ) =>
        ((delegate* unmanaged<ulong, byte*, int, int, ulong*, int>)&Exports.sequor_plan_state)(
            plan,
            layer,
            which,
            batch,
            tensor
        );

    public static int sequor_plan_carry_over(ulong plan) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_plan_carry_over)(plan);

    public static int sequor_plan_stream_state(ulong plan, ulong* state) =>
        ((delegate* unmanaged<ulong, ulong*, int>)&Exports.sequor_plan_stream_state)(plan, state);

    public static int sequor_plan_set_stream_state(ulong plan, ulong state) =>
        ((delegate* unmanaged<ulong, ulong, int>)&Exports.sequor_plan_set_stream_state)(
            plan,
            state
        );

    public static int sequor_stream_state_free(ulong state) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_stream_state_free)(state);

    public static int sequor_plan_free(ulong plan) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_plan_free)(plan);

    public static int sequor_tensor_create(ulong backend, int rank, int* sizes, ulong* tensor) =>
        ((delegate* unmanaged<ulong, int, int*, ulong*, int>)&Exports.sequor_tensor_create)(
            backend,
            rank,
            sizes,
            tensor
        );

    public static int sequor_tensor_wrap(
        ulong backend,
        void* address,
        int rank,
        int* sizes,
        ulong* tensor
    ) =>
        ((delegate* unmanaged<ulong, void*, int, int*, ulong*, int>)&Exports.sequor_tensor_wrap)(
            backend,
            address,
            rank,
            sizes,
            tensor
        );

    public static int sequor_tensor_shape(ulong tensor, int* rank, int* sizes) =>
        ((delegate* unmanaged<ulong, int*, int*, int>)&Exports.sequor_tensor_shape)(
            tensor,
            rank,
            sizes
        );

    public static int sequor_tensor_address(ulong tensor, void** address) =>
        ((delegate* unmanaged<ulong, void**, int>)&Exports.sequor_tensor_address)(tensor, address);

    public static int sequor_tensor_read(ulong tensor, float* values, long count) =>
        ((delegate* unmanaged<ulong, float*, long, int>)&Exports.sequor_tensor_read)(
            tensor,
            values,
            count
        );

    public static int sequor_tensor_write(ulong tensor, float* values, long count) =>
        ((delegate* unmanaged<ulong, float*, long, int>)&Exports.sequor_tensor_write)(
            tensor,
            values,
            count
        );

    public static int sequor_tensor_copy(ulong source, ulong destination) =>
        ((delegate* unmanaged<ulong, ulong, int>)&Exports.sequor_tensor_copy)(source, destination);

    public static int sequor_tensor_free(ulong tensor) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_tensor_free)(tensor);

    public static int sequor_step_create(ulong loss, ulong optimizer, ulong* step) =>
        ((delegate* unmanaged<ulong, ulong, ulong*, int>)&Exports.sequor_step_create)(
            loss,
            optimizer,
            step
        );

    public static int sequor_step_run(ulong step) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_step_run)(step);

    public static int sequor_step_runs(ulong step, long* replayed, long* plain) =>
        ((delegate* unmanaged<ulong, long*, long*, int>)&Exports.sequor_step_runs)(
            step,
            replayed,
            plain
        );

    public static int sequor_step_free(ulong step) =>
        ((delegate* unmanaged<ulong, int>)&Exports.sequor_step_free)(step);

    public static int sequor_checkpoint_save(
        byte* path,
        ulong plan,
        ulong optimizer,
        long position,
        int keep
    ) =>
        ((delegate* unmanaged<byte*, ulong, ulong, long, int, int>)&Exports.sequor_checkpoint_save)(
            path,
            plan,
            optimizer,
            position,
            keep
        );

    public static int sequor_checkpoint_load(
        byte* path,
        ulong plan,
        ulong optimizer,
        long* position
    ) =>
        ((delegate* unmanaged<byte*, ulong, ulong, long*, int>)&Exports.sequor_checkpoint_load)(
            path,
            plan,
            optimizer,
            position
        );

    public static uint sequor_abi_version() =>
        ((delegate* unmanaged<uint>)&Exports.sequor_abi_version)();

    public static byte* sequor_version() => ((delegate* unmanaged<byte*>)&Exports.sequor_version)();

    public static byte* sequor_last_error() =>
        ((delegate* unmanaged<byte*>)&Exports.sequor_last_error)();

    public static byte* sequor_status_name(int status) =>
        ((delegate* unmanaged<int, byte*>)&Exports.sequor_status_name)(status);

    public static long sequor_live_handles() =>
        ((delegate* unmanaged<long>)&Exports.sequor_live_handles)();
}
